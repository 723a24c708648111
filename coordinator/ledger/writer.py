"""The one writer of money: orders from the event loop, carried out in the database's thread in groups.

While one group is being committed the next one gathers, so an order waits for at most two commits, and a busy ledger
commits no more often than an idle one. Nothing that was put is lost while the process lives.
"""

import asyncio
import logging
import time
from collections import deque
from dataclasses import dataclass, field

from coordinator.ledger.commit import commit
from coordinator.ledger.errors import CannotBeBooked
from coordinator.ledger.orders import Answer, Order
from coordinator.store.errors import Overtaken, StoreError
from coordinator.store.store import Store

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
    """Takes orders at any time; they are carried out while `run` runs."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._orders: deque[_Waiting] = deque()
        self._news = asyncio.Event()
        self._written = asyncio.Event()
        self._written.set()
        self.healthy = True  # the last commit went well
        self.lost = 0  # orders that can never be carried out

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
        """Queue an order and go on. Never refuses, as the work is done; ask `full` before letting work in."""
        self._add(_Waiting(order))

    async def ask(self, order: Order) -> Answer:
        """Queue an order and wait until it is durable. Returns Held for a hold that was made, Insufficient, Capped or
        Taken for what was refused, Done for all else. Raises CannotBeBooked.

        A database that is away is waited for. A caller that gives up must reckon with the order being carried out.
        """
        return await self.submit(order)

    def submit(self, order: Order) -> asyncio.Future[Answer]:
        """Queue an order now. Returns what `ask` waits for."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._add(_Waiting(order, answer))
        return answer

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
        """Carry out the orders; False if the database takes nothing now.

        An order that it will never take does not hold up the others. That other writers were in the way is no fault: it
        is tried again at once (Database.transact).
        """
        try:
            answers = await self._store.run(commit, [waiting.order for waiting in group])
        except CannotBeBooked as error:
            if len(group) > 1:
                return all([await self._write([waiting]) for waiting in group])
            log.critical("the ledger cannot carry out %r: %s", group[0].order, error)
            self.lost += 1
            self._tell(group[0], error)
            return True
        except Overtaken:
            raise
        except StoreError as error:
            self.healthy = False
            log.error("the ledger cannot be written, %d orders wait: %s", len(self._orders), error)
            return False
        self.healthy = True
        for waiting, answer in zip(group, answers, strict=True):
            self._tell(waiting, answer)
        return True

    def _tell(self, waiting: _Waiting, answer: Answer | CannotBeBooked) -> None:
        if waiting.answer is None or waiting.answer.done():
            return
        if isinstance(answer, CannotBeBooked):
            waiting.answer.set_exception(answer)
        else:
            waiting.answer.set_result(answer)
