"""Says that this replica lives, and settles for those that do not any more. Beside the server, where several serve."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from coordinator.clock import now_ms
from coordinator.ledger.claim_rows import widowed
from coordinator.ledger.recovery import bury
from coordinator.store import replicas
from coordinator.store.database import Database
from coordinator.store.errors import StoreError
from coordinator.store.replicas import BEAT_S, STILL, Stillness
from coordinator.store.store import Store

log = logging.getLogger("supernet.ledger")

# So many polls, ten minutes, the hold of a request with an Idempotency-Key waits for its client to come to another
# replica: as long as an answer stays that runs at a third one.
PATIENCE = round(600 / BEAT_S)


@dataclass
class Replicas:
    """`share_bps`: the workers' share of a price. `died` is called when a replica was found to be dead, `fenced` once
    when this one was taken for dead by others: what it holds from then on has an owner of another name than the one by
    which the bus knows it."""

    store: Store
    share_bps: int
    died: Callable[[], Awaitable[None]]
    fenced: Callable[[], None] = lambda: None
    _is_fenced: bool = False
    _stillness: Stillness = field(default_factory=Stillness)
    _waited: Counter[str] = field(default_factory=Counter)  # polls, by the dead replica whose clients may come

    async def run(self) -> None:
        """Beat and look every BEAT_S seconds, until cancelled. A database that fails is asked again."""
        while True:
            try:
                await self.once()
            except StoreError as error:
                log.error("this replica cannot say that it lives: %s", error)
            await asyncio.sleep(BEAT_S)

    async def once(self) -> None:
        found = await self.store.run(_beat)
        if self.store.database.identity.former and not self._is_fenced:
            self._is_fenced = True
            self.fenced()
        for replica, seen in self._stillness.look(found).items():
            if await self.store.run(_end, replica, seen):
                log.warning("replica %s has not beaten for %.0f s: it is taken for dead", replica, BEAT_S * STILL)
                await self.died()
        dead = await self.store.run(widowed)
        self._waited = Counter({replica: self._waited[replica] + 1 for replica in dead})
        # What lived at the beginning of this poll may have been taken for dead by another replica meanwhile.
        patient = {replica for replica, polls in self._waited.items() if polls <= PATIENCE} | found.keys()
        ended = await self.store.run(bury, self.share_bps, now_ms(), patient)
        if ended:
            log.warning("%d requests ran at replicas that died: what was delivered of them is billed", ended)


def others(database: Database) -> set[str]:
    """The replicas that are not known to be dead, but for this one. Raises Unavailable."""
    with database.transaction() as connection:
        return replicas.beats(connection).keys() - database.identity.own


def _beat(database: Database) -> dict[str, int]:
    with database.transaction() as connection:
        replicas.beat(connection, database.identity)
        return replicas.beats(connection)


def _end(database: Database, replica: str, seen: int) -> bool:
    with database.transaction() as connection:
        return replicas.end(connection, replica, seen)
