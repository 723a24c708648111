"""Writes down what energy the workers of this replica draw, and how long they were here, every EVERY_S seconds."""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from coordinator.clock import DAY_MS, now_ms
from coordinator.hub.hub import Hub
from coordinator.ledger.energy_days import WorkerEnergy, add
from coordinator.scheduler.energy import Drawn
from coordinator.scheduler.workers import Worker
from coordinator.store.errors import StoreError
from coordinator.store.store import Store

log = logging.getLogger("supernet.energy")

EVERY_S = 60.0
BATCH = 500  # workers of one transaction: others want to book between


@dataclass
class EnergyFeed:
    """Remembers what it has written of each worker, by its socket."""

    hub: Hub
    store: Store
    _written: dict[str, tuple[Drawn, float]] = field(default_factory=dict)  # by session: what was drawn, and when

    async def run(self) -> None:
        """Write until cancelled. What a database that fails does not take is lost: it is shown, and is no money."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.once()
            except StoreError as error:
                log.error("the energy of workers cannot be written: %s", error)

    async def once(self) -> None:
        rows = self._new(self.hub.cell.workers, self.hub.now(), now_ms() // DAY_MS)
        for first in range(0, len(rows), BATCH):
            await self.store.run(add, rows[first : first + BATCH])

    def _new(self, workers: Iterable[Worker], now: float, day: int) -> list[WorkerEnergy]:
        """What has come since the last time, of those that were here then and are."""
        rows, written = [], {}
        for worker in workers:
            if not worker.connected:
                continue
            drawn, session = worker.meter.drawn, worker.peer.session
            before, at = self._written.get(session, (drawn, now))
            joules, measured_s, online_s = (
                round(drawn.joules) - round(before.joules),
                round(drawn.seconds) - round(before.seconds),
                round(now) - round(at),
            )
            written[session] = drawn, now
            if online_s > 0:
                rows.append(WorkerEnergy(worker.peer.account, day, worker.key, joules, measured_s, online_s))
        self._written = written
        return rows
