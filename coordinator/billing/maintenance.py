"""The regular work of the ledger: end forgotten holds, let earnings mature, share out the promotion budget, and
forget old answers to requests with an Idempotency-Key, old starts, sessions of browsers that are
over, what keys spent in months that are past, and names of requests of deleted accounts."""

import asyncio
import logging
from dataclasses import dataclass

from coordinator.admission.idempotency import KEPT_MS
from coordinator.billing.billing import Billing
from coordinator.clock import DAY_MS, now_ms
from coordinator.identity import sessions
from coordinator.identity.joining import forget_names, named_after_their_end
from coordinator.ledger import energy_days, spend_rows
from coordinator.ledger.budget import Budget
from coordinator.ledger.claim_rows import forget
from coordinator.ledger.escrow import Terms, mature
from coordinator.ledger.oldest_credit import OldestCredit
from coordinator.ledger.pricing import decimal
from coordinator.ledger.promotions import is_due, promote
from coordinator.ledger.recovery import sweep
from coordinator.store import replicas
from coordinator.store.database import Database
from coordinator.store.errors import StoreError
from coordinator.store.reading import Reader
from coordinator.store.store import Store

log = logging.getLogger("supernet.ledger")

EVERY_S = 30.0
PAUSE_S = 0.2


@dataclass(frozen=True)
class Maintenance:
    """Runs beside the server. `terms`: when an earning matures; `promotions`: what may be paid out of credit a day.
    `reader`: looks beside the store for what that is."""

    store: Store
    reader: Reader
    billing: Billing
    terms: Terms
    promotions: Budget

    async def run(self) -> None:
        """Do the regular work every EVERY_S seconds, until cancelled. A database that fails is asked again."""
        while True:
            try:
                await self.once()
            except StoreError as error:
                log.error("the ledger's maintenance failed: %s", error)
            await asyncio.sleep(EVERY_S)

    async def once(self) -> None:
        running = self.billing.running
        ended = await self.store.run(sweep, self.billing.share_bps, now_ms(), running)
        if ended:
            log.warning("%d holds that nobody ended were ended", ended)
        while True:
            if not await self.store.run(mature, self.terms, now_ms()):
                break
            await asyncio.sleep(PAUSE_S)  # who books meanwhile goes first
        await self.store.run(forget, now_ms() - KEPT_MS)
        await self.store.run(spend_rows.forget, now_ms())
        await self.store.run(_clean, now_ms() - replicas.KEPT_MS)
        await self.store.run(energy_days.clean, now_ms())
        await self.store.run(sessions.clean, now_ms() - DAY_MS)
        if late := await self.reader.ask("", named_after_their_end):
            await self.store.run(forget_names, late)
        await self._promote()

    async def _promote(self) -> None:
        if not await self.store.run(is_due, self.promotions, now_ms()):
            return
        oldest = OldestCredit(self.promotions)
        while await self.reader.ask("", oldest.step):
            pass
        promoted = await self.store.run(promote, self.promotions, oldest.lots, now_ms())
        if promoted:
            log.info("promotions: $%s of credit became earnings that may be paid out", decimal(promoted))


def _clean(database: Database, before_ms: int) -> int:
    return database.transact(lambda connection: replicas.clean(connection, before_ms))
