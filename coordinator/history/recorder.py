"""Beside the server: looks at the cell, and at the end of each minute writes what was seen. What was used is added to
that by store/rolling.py."""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from coordinator.clock import now_ms
from coordinator.current_catalog import CurrentCatalog, specs
from coordinator.dispatch.effects import Failed, JobEnd, Stopped
from coordinator.history.figures import ALL, HOUR_MS, MINUTE_MS, Sums
from coordinator.history.minutes import WORKERS_MINUTES, Minutes, Seen
from coordinator.history.rows import in_groups, sweep, write
from coordinator.hub.hub import Hub
from coordinator.scheduler.state import JobSpec
from coordinator.scheduler.workers import Worker
from coordinator.store.errors import StoreError
from coordinator.store.store import Store

log = logging.getLogger("supernet.history")

LOOK_S = 5.0
PAUSE_S = 0.2  # between two steps: the ledger's thread does them, and its orders go first
STEPS = 500  # of one kind in a minute: what is left is done in the next


@dataclass
class Recorder:
    """`job_ended` is told of every job's end. What it gathers is lost with the process, so at most the minute that was
    open, and nothing of what is in `usage`."""

    store: Store
    hub: Hub
    catalog: CurrentCatalog
    _minutes: Minutes = field(default_factory=Minutes)
    _pending: deque[tuple[int, Sums]] = field(default_factory=deque)  # what the database has not confirmed
    _number: int = 0  # of the last of them
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _swept_hour: int = 0

    def __post_init__(self) -> None:
        # A server that follows its database to another one takes its rows along, and this mark with them.
        self._name = f"replica {self.store.database.identity.server}"

    def job_ended(self, spec: JobSpec, end: JobEnd) -> None:
        if not end.report.attempts and isinstance(end, Failed | Stopped):
            code = end.error.code.value if isinstance(end, Failed) else "cancelled"
            self._minutes.refused(now_ms(), spec.model, spec.account, code)

    async def run(self) -> None:
        """Look every LOOK_S seconds, until cancelled. A database that fails is asked again."""
        due = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._write_minutes(due))  # what takes long keeps nobody from looking
            while True:
                if self.look(now_ms()):
                    due.set()
                await asyncio.sleep(LOOK_S)

    async def _write_minutes(self, due: asyncio.Event) -> None:
        while True:
            await due.wait()
            due.clear()
            try:
                await self.minute(now_ms())
            except StoreError as error:
                log.error("the history cannot be written: %s", error)

    def look(self, at_ms: int) -> bool:
        """Look at the cell; whether a minute has ended."""
        ended = self._minutes.look(at_ms, self._seen())
        if ended and (at_ms // MINUTE_MS) % WORKERS_MINUTES == 0:
            serving = ((worker.key, _ready(worker)) for worker in self.hub.cell.workers if worker.connected)
            self._minutes.workers(at_ms - MINUTE_MS, serving)
        return ended

    async def minute(self, at_ms: int) -> None:
        """What the end of a minute wants. Raises StoreError: what was not written is kept for the next time."""
        await self.write(at_ms)
        if at_ms // HOUR_MS != self._swept_hour:
            await self._steps(sweep, at_ms)
            self._swept_hour = at_ms // HOUR_MS

    async def write(self, at_ms: int) -> None:
        """Write what was seen. Raises StoreError: whether that was written is not known, so it is written again under
        its number, and what comes after it is gathered meanwhile."""
        async with self._writing:
            if not self._pending:
                sums = self._minutes.taken()
                for part in (Sums(sums.models, {}), *(Sums({}, group) for group in in_groups(sums.workers))):
                    self._number = max(self._number + 1, at_ms)
                    self._pending.append((self._number, part))
            while self._pending:
                await self.store.run(write, self._name, *self._pending[0])
                self._pending.popleft()

    async def close(self) -> None:
        """Write what the open minute has, as this process ends. What was used, the next one finds in `usage`."""
        try:
            await self.write(now_ms())
        except StoreError as error:
            log.error("the last minute of the history cannot be written: %s", error)

    async def _steps(self, step: Any, at_ms: int) -> None:
        for _ in range(STEPS):
            if not await self.store.run(step, at_ms):
                break
            await asyncio.sleep(PAUSE_S)

    def _seen(self) -> dict[str, Seen]:
        """The models of the catalog as this cell has them, and the whole of it."""
        seen = {model: self._model(model) for model in specs(self.catalog.now)}
        seen[ALL] = self._all(seen.values())
        return seen

    def _model(self, model: str) -> Seen:
        online = self.hub.cell.online(model)
        serves = bool(online.context or online.modes)  # loaded, and with slots
        return Seen(online.workers, online.workers * serves, online.slots, online.slots - online.free, online.waiting)

    def _all(self, models: Iterable[Seen]) -> Seen:
        here = [worker for worker in self.hub.cell.workers if worker.connected]
        ready = sum(map(_ready, here))
        models = list(models)
        slots, busy, waiting = (sum(getattr(one, name) for one in models) for name in ("slots", "busy", "waiting"))
        return Seen(len(here), ready, slots, busy, waiting)


def _ready(worker: Worker) -> bool:
    return any(replica.status == "ready" for replica in worker.replicas.values())
