"""What a snapshot holds: values that refer to nothing that changes. Pure.

What is worked out of one is kept with it: a worker with which nothing happens is the same object in all snapshots.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from program.versions import newer
from wire.blobs import VISION
from wire.guesses import Guesses
from wire.media import MediaOffer, Stage
from wire.media_tools import TOOLS, Tool
from wire.messages import Issue
from wire.offers import Hardware, ModelOffer

FREE = "."  # a slot of a replica's `cells`


@dataclass(frozen=True)
class MakingSnapshot:
    """One picture, film or piece of music on the way. `stage` None: its worker has not said anything yet."""

    stage: Stage | None
    percent: int


@dataclass(frozen=True)
class ReplicaSnapshot:
    """One model or pipeline on one worker. `cells` has a letter for each slot (watch.py has them); `makings` are the
    jobs of a pipeline, in the order of their slots. `tokens_per_step` (of one job; 0: not said) and `guesses` are the
    worker's own words."""

    offer: ModelOffer | MediaOffer
    status: str
    cells: str
    tps: float
    tokens: int
    makings: tuple[MakingSnapshot, ...] = ()
    tokens_per_step: float = 0.0
    guesses: tuple[Guesses, ...] = ()

    @cached_property
    def busy(self) -> int:
        return len(self.cells) - self.cells.count(FREE)

    @cached_property
    def sees(self) -> bool:
        """Whether the model on this worker sees pictures."""
        return isinstance(self.offer, ModelOffer) and VISION in self.offer.features

    @property
    def tools(self) -> tuple[Tool, ...]:
        """What the pipeline is used for, whatever its modes are; nothing for a model."""
        modes = self.offer.modes if isinstance(self.offer, MediaOffer) else ()
        able = {mode.partition(".")[0] for mode in modes}
        return tuple(tool for tool in TOOLS if tool in able)


@dataclass(frozen=True)
class WorkerSnapshot:
    """One worker. Times are Unix milliseconds. `rest_s`: seconds without jobs that are left after a fault, or None.
    `proven`: its owner has shown what it can; `held_back`: it is new, and has as many jobs as it may."""

    key: str
    account: str
    name: str
    version: str
    hardware: Hardware
    status: str
    since_ms: int
    joined_ms: int
    rest_s: float | None
    replicas: tuple[ReplicaSnapshot, ...]
    issues: tuple[Issue, ...]
    finished: int
    faults: int
    order: str = ""  # the operator's, `rest` or `away`
    order_note: str = ""  # why, in words that follow others
    proven: bool = True
    held_back: bool = False

    def serves(self, model: str | None = None) -> list[ReplicaSnapshot]:
        """Its replicas for the model (None: for any) that take jobs now."""
        if self.status in ("away", "draining"):
            return []
        return [replica for replica in self.replicas if replica.status == "ready" and model in (None, replica.offer.id)]

    @cached_property
    def serving(self) -> tuple[ReplicaSnapshot, ...]:
        return tuple(self.serves())

    @cached_property
    def texts(self) -> dict[Any, str]:
        """What is told of it, by who is told: of a worker that does not change it is put in words once."""
        return {}

    @property
    def tps(self) -> float:
        return sum(replica.tps for replica in self.replicas)

    @property
    def tokens(self) -> int:
        return sum(replica.tokens for replica in self.replicas)


@dataclass
class Serving:
    """The workers of one model that take jobs, all together."""

    workers: int = 0
    seeing: int = 0
    slots: int = 0
    busy: int = 0
    tps: float = 0.0


@dataclass(frozen=True)
class NetworkSnapshot:
    """The whole network at one moment. `waiting`: jobs in the queue, by model."""

    at_ms: int
    workers: tuple[WorkerSnapshot, ...]
    waiting: Mapping[str, int]
    queue_limit: int
    tps: float
    history: tuple[float, ...]
    draining: bool
    database: bool  # accounts and usage can be read and written
    newest: str = ""  # of the worker's versions that this coordinator gives out

    @cached_property
    def by_key(self) -> dict[str, WorkerSnapshot]:
        return {worker.key: worker for worker in self.workers}

    @cached_property
    def sums(self) -> Mapping[str, Serving]:
        """What serves each model now."""
        sums: dict[str, Serving] = {}
        for worker in self.workers:
            for replica in worker.serving:
                own = sums.get(replica.offer.id) or sums.setdefault(replica.offer.id, Serving())
                own.workers += 1
                own.seeing += replica.sees
                own.slots += len(replica.cells)
                own.busy += replica.busy
                own.tps += replica.tps
        return sums

    @cached_property
    def troubled(self) -> tuple[WorkerSnapshot, ...]:
        """The workers of which there is something to tell their owner."""
        old = {version for version in {worker.version for worker in self.workers} if newer(self.newest, version)}
        return tuple(
            worker
            for worker in self.workers
            if worker.issues or worker.order or worker.status == "resting" or worker.version in old
        )


@dataclass(frozen=True)
class Changes:
    """What differs between two snapshots: workers with what they were before, and the keys of those that are gone."""

    workers: tuple[tuple[WorkerSnapshot | None, WorkerSnapshot], ...]
    gone: tuple[str, ...]


def changes(before: NetworkSnapshot, after: NetworkSnapshot) -> Changes:
    """A worker with which nothing happened is the same object in both, and costs next to nothing."""
    known, now = before.by_key, after.by_key
    differ = tuple((known.get(key), worker) for key, worker in now.items() if known.get(key) is not worker)
    return Changes(differ, tuple(key for key in known if key not in now))
