"""The one writer of money: orders from the event loop, carried out in the database's thread in groups.

While one group is being committed the next one gathers, so an order waits for at most two commits, and a busy ledger
commits no more often than an idle one. Nothing that was put is lost while the process lives.
"""

import asyncio
import logging
import time
from collections import deque
from concurrent.futures import Executor
from dataclasses import dataclass, field

from coordinator.ledger.commit import commit
from coordinator.ledger.orders import Answer, Order
from coordinator.store.database import Database
from coordinator.store.errors import CannotBeBooked, LedgerError

log = logging.getLogger("supernet.ledger")

GROUP = 256
BACKLOG = 10_000  # orders that may wait for a disk that does not take them; then no new work is let in
RETRY_S = 1.0


@dataclass
class _Waiting:
    order: Order
    answer: asyncio.Future[Answer] | None = None
    since: float = field(default_factory=time.monotonic)


class LedgerWriter:
    """`run` must be running."""

    def __init__(self, database: Database, thread: Executor) -> None:
        self._database = database
        self._thread = thread
        self._orders: deque[_Waiting] = deque()
        self._news = asyncio.Event()
        self._written = asyncio.Event()
        self._written.set()
        self.healthy = True  # the last commit went well

    @property
    def full(self) -> bool:
        return len(self._orders) >= BACKLOG

    @property
    def backlog(self) -> int:
        """Orders that have not been carried out yet."""
        return len(self._orders)

    def lag_s(self, now: float) -> float:
        """Age of the oldest of them; `now` on the monotonic clock."""
        return max(0.0, now - self._orders[0].since) if self._orders else 0.0

    def put(self, order: Order) -> None:
        """Never refuses: the work is done. Whoever lets work in asks `full` first."""
        self._add(_Waiting(order))

    async def ask(self, order: Order) -> Answer:
        """Waits until the order has been carried out. Raises LedgerError if it cannot be. Who gives up waiting must
        reckon with its being carried out all the same."""
        waiting = _Waiting(order, asyncio.get_running_loop().create_future())
        self._add(waiting)
        assert waiting.answer is not None
        return await waiting.answer

    def _add(self, waiting: _Waiting) -> None:
        self._orders.append(waiting)
        self._written.clear()
        self._news.set()

    async def run(self) -> None:
        """Write until cancelled. A disk that fails is tried again each second."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._orders:
                group = [self._orders[i] for i in range(min(GROUP, len(self._orders)))]
                if await self._write(group):
                    for _ in group:
                        self._orders.popleft()
                else:
                    await asyncio.sleep(RETRY_S)
            self._written.set()

    async def flushed(self, within_s: float) -> bool:
        """Wait until every order is on disk; False if that takes too long."""
        try:
            async with asyncio.timeout(within_s):
                await self._written.wait()
        except TimeoutError:
            log.error("%d orders to the ledger could not be carried out", len(self._orders))
            return False
        return True

    async def _write(self, group: list[_Waiting]) -> bool:
        """False: the database does not take it now. An order that it will never take does not hold up the others."""
        try:
            answers = await self._commit([waiting.order for waiting in group])
        except CannotBeBooked as error:
            if len(group) > 1:
                return all([await self._write([waiting]) for waiting in group])
            log.critical("the ledger cannot carry out %r: %s", group[0].order, error)
            self._tell(group[0], error)
            return True
        except LedgerError as error:
            self.healthy = False
            log.error("the ledger cannot be written, %d orders wait: %s", len(self._orders), error)
            return False
        self.healthy = True
        for waiting, answer in zip(group, answers, strict=True):
            self._tell(waiting, answer)
        return True

    async def _commit(self, orders: list[Order]) -> list[Answer]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, commit, self._database, orders)

    def _tell(self, waiting: _Waiting, answer: Answer | LedgerError) -> None:
        if waiting.answer is None or waiting.answer.done():
            return
        if isinstance(answer, LedgerError):
            waiting.answer.set_exception(answer)
        else:
            waiting.answer.set_result(answer)
