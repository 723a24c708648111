"""The shell of the live view: looks at the network once a second, and hands one wording to all who may see the same.

While nobody watches, a look costs one number: the point of the line of tokens a second.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from coordinator.dashboard.view import Look, Viewer, change, network_json, worker_id, worker_json
from coordinator.dashboard.watch import Watch, WorkerLook
from coordinator.hub.hub import Hub
from wire.catalog import Catalog
from wire.errors import ErrorCode, SupernetError

LOOK_S = 1.0
MAX_VIEWERS = 256
MAX_VIEWERS_OF_ONE = 32
MAX_VIEWERS_WITHOUT_KEY = 128  # nobody tells them apart: they share a bound, and leave room for those with a key
RETRY_S = 30.0


@dataclass(frozen=True)
class _View:
    """What one kind of viewer is told at one look."""

    number: int
    document: dict[str, Any]
    whole: bytes
    changed: bytes | None  # against the look before; None if this kind of viewer did not see that


class Feed:
    """`healthy` tells whether accounts and usage can be read and written."""

    def __init__(self, hub: Hub, catalog: Catalog, healthy: Callable[[], bool] = lambda: True) -> None:
        self._hub = hub
        self._catalog = catalog
        self._healthy = healthy
        self._watch = Watch()
        self._watching: Counter[str | None] = Counter()
        self._looked: Look | None = None
        self._number = 0
        self._views: dict[Viewer, _View] = {}
        self._next = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._watch.count(self._hub.now(), self._hub.dispatch.counters.tokens)
            if self._watching:
                self._look()
            await asyncio.sleep(LOOK_S)

    def snapshot(self, viewer: Viewer) -> bytes:
        """The network as JSON, not older than a second."""
        self._fresh()
        return self._view(viewer).whole

    def worker(self, name: str, viewer: Viewer) -> dict[str, Any]:
        """One worker in full. Raises what `find` raises."""
        return worker_json(self.find(name, viewer), viewer)

    def find(self, name: str, viewer: Viewer) -> WorkerLook:
        """One worker by its public id. Raises SupernetError if it is not there, or not this viewer's to see."""
        for worker in self._fresh().workers:
            if worker_id(worker.key) == name and viewer.sees(worker):
                return worker
        message = "No worker of this account has that id at the moment: it is not connected, or belongs to another."
        raise SupernetError(ErrorCode.UNKNOWN_WORKER, message)

    def admit(self, viewer: Viewer) -> None:
        """Raises rate_limit_exceeded when too many watch."""
        most = MAX_VIEWERS_WITHOUT_KEY if viewer.account is None else MAX_VIEWERS_OF_ONE
        if self._watching.total() >= MAX_VIEWERS or self._watching[viewer.account] >= most:
            message = "Too many dashboards are open: close one, or look again in half a minute."
            raise SupernetError(ErrorCode.RATE_LIMIT_EXCEEDED, message, retry_after_s=RETRY_S)

    def enter(self, viewer: Viewer) -> None:
        """Somebody watches from now on, until `leave`."""
        self._watching[viewer.account] += 1

    def leave(self, viewer: Viewer) -> None:
        self._watching[viewer.account] -= 1
        if not self._watching[viewer.account]:
            del self._watching[viewer.account]

    async def watch(self, viewer: Viewer) -> AsyncIterator[bytes]:
        """JSON texts, one a second: the whole network first, then what has changed. Ends when the coordinator does.

        Whoever is slow misses looks, and is told the whole again.
        """
        self._fresh()
        told = 0
        while not self._hub.drained.is_set():
            view = self._view(viewer)
            yield view.changed if view.changed is not None and told == view.number - 1 else view.whole
            told = view.number
            while told == self._number and not self._hub.drained.is_set():
                await self._next.wait()

    def _fresh(self) -> Look:
        at_ms = time.time_ns() // 1_000_000
        if self._looked is None or not 0 <= at_ms - self._looked.at_ms < LOOK_S * 1000:
            return self._look()
        return self._looked

    def _look(self) -> Look:
        dispatch, now, wall_ms = self._hub.dispatch, self._hub.now(), time.time_ns() // 1_000_000
        history = self._watch.history
        self._looked = Look(
            at_ms=wall_ms,
            workers=self._watch.look(dispatch.workers, dispatch.resting(now), now, wall_ms),
            waiting={spec.id: dispatch.online(spec.id).waiting for spec in self._catalog.models},
            queue_limit=dispatch.limits.queue,
            tps=history[-1] if history else 0.0,
            history=tuple(history),
            draining=dispatch.draining,
            database=self._healthy(),
        )
        self._number += 1
        # Only of who watches is it remembered what he saw last.
        self._views = {who: view for who, view in self._views.items() if self._watching[who.account]}
        self._next.set()
        self._next = asyncio.Event()
        return self._looked

    def _view(self, viewer: Viewer) -> _View:
        before = self._views.get(viewer)
        if before is not None and before.number == self._number:
            return before
        assert self._looked is not None, "a look comes first"
        document = network_json(self._looked, self._catalog.models, viewer)
        changed = None
        if before is not None and before.number == self._number - 1:
            changed = _encoded(change(before.document, document))
        view = self._views[viewer] = _View(self._number, document, _encoded(document), changed)
        return view


def _encoded(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
