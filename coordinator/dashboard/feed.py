"""The live view of the network: a snapshot once a second, encoded once for all viewers who may see the same.

While nobody watches, only the history of tokens a second is kept up. Where several replicas are one network, each asks
the others while somebody looks at it.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from coordinator.clock import now_ms
from coordinator.current_catalog import CurrentCatalog, specs
from coordinator.dashboard.idle import Network, Why, why_idle
from coordinator.dashboard.looks import Look, from_text, to_text, together
from coordinator.dashboard.snapshots import Changes, NetworkSnapshot, WorkerSnapshot, changes
from coordinator.dashboard.view import (
    Viewer,
    change_text,
    problems,
    tile,
    tile_text,
    whole_text,
    worker_id,
    worker_json,
)
from coordinator.dashboard.watch import Watch
from coordinator.hub.hub import Hub
from wire.catalog import ModelSpec
from wire.errors import ErrorCode, SupernetError
from wire.media_catalog import MediaSpec

SNAPSHOT_S = 1.0
SHARE = 0.05  # of a core that snapshots take, at most: where one costs more, the next comes later
MOST_S = 5.0  # but no later than this
MAX_VIEWERS = 256
MAX_VIEWERS_OF_ONE = 32
MAX_VIEWERS_WITHOUT_KEY = 128  # nobody tells them apart: they share a bound, and leave room for those with a key
RETRY_S = 30.0
PREPARED = 250  # workers a second that are looked at while nobody watches
NOBODY = Viewer(None)


@dataclass(frozen=True)
class _View:
    """One snapshot as one kind of viewer sees it. `changed`: since the one before; None if it was not shown that."""

    number: int
    snapshot: NetworkSnapshot
    models: Sequence[ModelSpec | MediaSpec]
    viewer: Viewer
    changed: bytes | None

    @cached_property
    def whole(self) -> bytes:
        return whole_text(self.snapshot, self.models, self.viewer)


Others = Callable[[], Awaitable[list[str]]]


async def _nobody() -> list[str]:
    return []


class Feed:
    """Takes the snapshots of the network and hands them to the viewers.

    `healthy`: whether accounts and usage can be read and written. `others`: asks the other replicas what they show.
    """

    def __init__(
        self, hub: Hub, catalog: CurrentCatalog, healthy: Callable[[], bool] = lambda: True, others: Others = _nobody
    ) -> None:
        self._hub = hub
        self.catalog = catalog
        self._healthy = healthy
        self._watch = Watch()
        self._watching: Counter[str | None] = Counter()
        self._snapshot: NetworkSnapshot | None = None
        self._shown: NetworkSnapshot | None = None  # the last one, even if another is to be taken for who asks next
        self._prepared = 0  # workers, of all, since the last round of them began
        self._every_s = 0.0  # until the next snapshot, where one has cost much
        self._changes: Changes | None = None  # since the snapshot before
        self._number = 0
        self._views: dict[Viewer, _View] = {}
        self._next = asyncio.Event()
        self._others = others
        self.refused: Mapping[str, int] = {}  # in 24 hours, for want of a worker or of room, by model
        self.newest = ""  # of the worker's versions that this coordinator gives out
        self._asking = asyncio.Lock()
        self._looks: list[Look] = []  # of the other replicas
        self._looked_ms = 0
        self._own: tuple[int, Look] | None = None  # of this one, and when

    async def run(self) -> None:
        """Take a snapshot every SNAPSHOT_S seconds while anybody watches, until cancelled."""
        due = 0.0
        while True:
            self._watch.count(self._hub.now(), self._hub.cell.counters.tokens)
            if self._watching and time.monotonic() >= due:
                await self.look_around()
                self._take()
                due = time.monotonic() + self._every_s - SNAPSHOT_S
            elif not self._watching:
                self._prepared = _prepare(self._hub, self._watch, self._prepared)
            await asyncio.sleep(SNAPSHOT_S)

    async def look_around(self) -> None:
        """Know of the other replicas, at most a second late. One that does not answer is not shown."""
        async with self._asking:
            if not 0 <= now_ms() - self._looked_ms < SNAPSHOT_S * 1000:
                self._looks = [look for text in await self._others() if (look := from_text(text)) is not None]
                self._looked_ms = now_ms()

    def look(self) -> str:
        """What another replica's dashboard is told of this cell, at most a second old."""
        return to_text(self._own_look())

    def snapshot(self, viewer: Viewer) -> bytes:
        """The network as JSON, at most a second old."""
        self._fresh()
        return self._view(viewer).whole

    def worker(self, name: str, viewer: Viewer) -> dict[str, Any]:
        """One worker in full. Raises unknown_worker, as `find` does."""
        worker, seen = self.find(name, viewer), self._fresh()
        why = why_idle(worker, Network(seen.workers, seen.waiting, self.refused))
        return worker_json(worker, viewer, self.newest, why)

    def idle(self, keys: Collection[str]) -> Iterator[tuple[str, Why | None]]:
        """Why each of these workers has no jobs; None: it has some."""
        seen = self._fresh()
        network = Network(seen.workers, seen.waiting, self.refused)
        return ((worker.key, why_idle(worker, network)) for worker in seen.workers if worker.key in keys)

    def find(self, name: str, viewer: Viewer) -> WorkerSnapshot:
        """One worker by its public id. Raises unknown_worker if it is not connected, or not this viewer's to see."""
        for worker in self._fresh().workers:
            if worker_id(worker.key) == name and viewer.sees(worker):
                return worker
        message = "No worker of this account has that id at the moment: it is not connected, or belongs to another."
        raise SupernetError(ErrorCode.UNKNOWN_WORKER, message)

    def serving(self, model: str, viewer: Viewer, most: int) -> tuple[int, list[dict[str, Any]]]:
        """How many workers serve the model now, and some of them as the viewer sees them, the own ones first."""
        found = [worker for worker in self._fresh().workers if worker.serves(model)]
        shown = sorted(found, key=lambda worker: not viewer.owns(worker))[:most]
        return len(found), [tile(worker, viewer) for worker in shown]

    def look_anew(self) -> None:
        """Something was changed that who asks next is to see."""
        self._snapshot = self._own = None

    async def everyone(self) -> tuple[tuple[WorkerSnapshot, ...], int]:
        """All workers, at most a second old, for the operator, but for some of other replicas: how many."""
        await self.look_around()
        return self._fresh().workers, sum(look.left_out for look in self._looks)

    async def problems(self) -> list[dict[str, Any]]:
        """All problems of the network, for the operator."""
        await self.look_around()
        return problems(self._fresh(), Viewer(None, True), None)

    def admit(self, viewer: Viewer) -> None:
        """Refuse the viewer if too many watch already, in all or of this account. Raises rate_limit_exceeded."""
        most = MAX_VIEWERS_WITHOUT_KEY if viewer.account is None else MAX_VIEWERS_OF_ONE
        if self._watching.total() >= MAX_VIEWERS or self._watching[viewer.account] >= most:
            message = "Too many dashboards are open: close one, or look again in half a minute."
            raise SupernetError(ErrorCode.RATE_LIMIT_EXCEEDED, message, retry_after_s=RETRY_S)

    def enter(self, viewer: Viewer) -> None:
        """Count one more viewer, until `leave`. Snapshots are taken while anybody watches."""
        self._watching[viewer.account] += 1

    def leave(self, viewer: Viewer) -> None:
        self._watching[viewer.account] -= 1
        if not self._watching[viewer.account]:
            del self._watching[viewer.account]

    async def watch(self, viewer: Viewer) -> AsyncGenerator[bytes]:
        """JSON texts, one a second: the whole network first, then what has changed. Ends when the coordinator does.

        A slow reader misses snapshots, and is then sent the whole network again.
        """
        self._fresh()
        sent = 0  # the number of the last snapshot
        while not self._hub.drained.is_set():
            view = self._view(viewer)
            yield view.changed if view.changed is not None and sent == view.number - 1 else view.whole
            sent = view.number
            while sent == self._number and not self._hub.drained.is_set():
                await self._next.wait()

    def _fresh(self) -> NetworkSnapshot:
        at_ms = now_ms()
        most_ms = max(SNAPSHOT_S, self._every_s) * 1000
        if self._snapshot is None or not 0 <= at_ms - self._snapshot.at_ms < most_ms:
            return self._take()
        return self._snapshot

    def _own_look(self) -> Look:
        dispatch, now, wall_ms = self._hub.cell, self._hub.now(), now_ms()
        if self._own is None or not 0 <= wall_ms - self._own[0] < SNAPSHOT_S * 500:
            workers = self._watch.snapshot(
                dispatch.workers, dispatch.resting(now), now, wall_ms, dispatch.orders.standing()
            )
            waiting = {model: dispatch.online(model).waiting for model in specs(self.catalog.now)}
            self._own = wall_ms, Look(workers, waiting, tuple(self._watch.history))
        return self._own[1]

    def _take(self) -> NetworkSnapshot:
        began = time.thread_time()
        dispatch, whole = self._hub.dispatch, together(self._own_look(), self._looks)
        self._snapshot = NetworkSnapshot(
            at_ms=now_ms(),
            workers=whole.workers,
            waiting=whole.waiting,
            queue_limit=dispatch.limits.queue,
            tps=whole.history[-1] if whole.history else 0.0,
            history=whole.history,
            draining=dispatch.draining,
            database=self._healthy(),
            newest=self.newest,
        )
        self._changes = None if self._shown is None else changes(self._shown, self._snapshot)
        self._shown = self._snapshot
        self._number += 1
        # What was sent last is remembered for kinds of viewers that still watch.
        self._views = {who: view for who, view in self._views.items() if self._watching[who.account]}
        _ = self._snapshot.sums, self._snapshot.troubled  # what all viewers are told, and a part of what it costs
        self._every_s = min(MOST_S, (time.thread_time() - began) / SHARE)
        self._next.set()
        self._next = asyncio.Event()
        return self._snapshot

    def _view(self, viewer: Viewer) -> _View:
        before = self._views.get(viewer)
        if before is not None and before.number == self._number:
            return before
        assert self._snapshot is not None, "there is a snapshot first"
        models, changed = tuple(specs(self.catalog.now).values()), None
        if before is not None and before.number == self._number - 1 and self._changes is not None:
            changed = change_text(self._snapshot, self._changes, models, viewer)
        view = self._views[viewer] = _View(self._number, self._snapshot, models, viewer, changed)
        return view


def _prepare(hub: Hub, watch: Watch, after: int) -> int:
    """Look at some of the workers, those `after` so many, and put them in the words that most are told. Returns after
    how many to go on."""
    some = hub.cell.workers[after : after + PREPARED]
    for worker in watch.prepare(some, hub.now(), now_ms()):
        tile_text(worker, NOBODY)
    return after + PREPARED if some else 0
