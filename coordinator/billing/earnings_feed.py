"""Tells workers what their account has earned: those that ask for it, when it has changed, at most every 10 s."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field

from coordinator.hub.hub import Hub
from coordinator.ledger.escrow import Earned, earned
from coordinator.ledger.usage import DAY_MS
from coordinator.store.database import Database
from coordinator.store.errors import LedgerError
from wire.messages import EARNINGS, Earnings

log = logging.getLogger("supernet.ledger")

EVERY_S = 10.0


@dataclass
class Teller:
    hub: Hub
    database: Database
    thread: Executor
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    _told: dict[str, Earned] = field(default_factory=dict)  # by session

    async def run(self) -> None:
        """Until cancelled. A database that fails is asked again the next time."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.once()
            except LedgerError as error:
                log.error("earnings cannot be read: %s", error)

    async def once(self) -> None:
        asking = {
            worker.peer.session: worker.peer.account
            for worker in self.hub.dispatch.workers
            if worker.connected and EARNINGS in worker.hello.features
        }
        self._told = {session: told for session, told in self._told.items() if session in asking}
        accounts, since_ms = sorted(set(asking.values())), self.now_ms() // DAY_MS * DAY_MS
        if not accounts:
            return
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self.thread, earned, self.database, accounts, since_ms)
        for session, account in asking.items():
            have = found[account]
            if self._told.get(session) != have:
                self._told[session] = have
                message = Earnings(escrow_nano=have.escrow, available_nano=have.available, today_nano=have.today)
                self.hub.tell(session, message)
