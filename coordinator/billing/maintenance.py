"""What the ledger needs from time to time: forgotten holds are ended, earnings mature."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TypeVar

from coordinator.billing.billing import Billing
from coordinator.ledger.escrow import Terms, mature
from coordinator.ledger.recovery import sweep
from coordinator.store.database import Database
from coordinator.store.errors import LedgerError

log = logging.getLogger("supernet.ledger")

EVERY_S = 30.0

T = TypeVar("T")


@dataclass(frozen=True)
class Upkeep:
    database: Database
    thread: Executor
    billing: Billing
    terms: Terms

    async def run(self) -> None:
        """Until cancelled. A database that fails is asked again the next time."""
        while True:
            try:
                await self.once()
            except LedgerError as error:
                log.error("the ledger's upkeep failed: %s", error)
            await asyncio.sleep(EVERY_S)

    async def once(self) -> None:
        running = self.billing.running
        ended = await self._do(lambda: sweep(self.database, self.billing.share_bps, _now_ms(), running))
        if ended:
            log.warning("%d holds that nobody ended were ended", ended)
        while await self._do(lambda: mature(self.database, self.terms, _now_ms())):
            pass

    async def _do(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.thread, work)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
