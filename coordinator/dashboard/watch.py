"""Snapshots of the workers: what each slot does, how fast tokens flow, since when a worker has its status.

Pure: clocks and the state of dispatch are arguments; a snapshot holds no reference to anything that changes.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from coordinator.scheduler.state import Lease, WorkerOrder
from coordinator.scheduler.workers import Replica, Worker
from wire.blobs import VISION
from wire.guesses import Guesses
from wire.job_state import JobState
from wire.media import MediaOffer, Stage
from wire.media_tools import TOOLS, Tool
from wire.messages import Issue
from wire.offers import Hardware, ModelOffer

STREAM_S = 2.0  # a slot whose job gave no token for so long is shown as waiting
RATE_SAMPLES = 4  # a speed is measured over the time between the last four
HISTORY = 180  # points of the line of the whole network, one a second

FREE, OFFERED, READING, STREAMING, WAITING, MAKING, STOPPING, OTHER = ".orswmcx"
Held = tuple[str, int]  # job, attempt


@dataclass(frozen=True)
class MakingSnapshot:
    """One picture, film or piece of music on the way. `stage` None: its worker has not said anything yet."""

    stage: Stage | None
    percent: int


@dataclass(frozen=True)
class ReplicaSnapshot:
    """One model or pipeline on one worker. `cells` has a letter for each slot (see FREE ... OTHER); `makings` are the
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

    @property
    def busy(self) -> int:
        return len(self.cells) - self.cells.count(FREE)

    @property
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

    @property
    def tps(self) -> float:
        return sum(replica.tps for replica in self.replicas)

    @property
    def tokens(self) -> int:
        return sum(replica.tokens for replica in self.replicas)


class Rate:
    """Tokens a second, from samples of a counter."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque(maxlen=RATE_SAMPLES)

    def sample(self, now: float, total: int) -> float:
        """Add a sample, and return the speed since the oldest that is remembered; 0 at the first."""
        self._samples.append((now, total))
        then, before = self._samples[0]
        return max(0.0, (total - before) / (now - then)) if now > then else 0.0


@dataclass
class _Memory:
    """What is remembered of a worker from one snapshot to the next."""

    joined_ms: int
    status: str = ""
    since_ms: int = 0


class Watch:
    """Takes snapshots, and remembers what the next one needs. Workers that have left are forgotten."""

    def __init__(self) -> None:
        self.history: deque[float] = deque(maxlen=HISTORY)  # tokens a second of the whole network
        self._total = Rate()
        self._memory: dict[str, _Memory] = {}
        self._rates: dict[tuple[str, str], Rate] = {}  # by worker and model
        self._replicas: dict[tuple[str, str], list[Held | None]] = {}

    def count(self, now: float, tokens: int) -> None:
        """Add a point to the history of the network's speed. Cheap enough for every second, watched or not."""
        self.history.append(round(self._total.sample(now, tokens), 1))

    def snapshot(
        self,
        workers: Sequence[Worker],
        resting: dict[str, float],
        now: float,
        wall_ms: int,
        orders: Mapping[str, WorkerOrder] | None = None,
    ) -> tuple[WorkerSnapshot, ...]:
        """All workers as they are now. `resting`: worker key -> seconds without jobs that are left after a fault, or by
        one of the operator's `orders`."""
        snapshots = tuple(
            _ordered(self._worker(worker, resting.get(worker.key), now, wall_ms), (orders or {}).get(worker.key))
            for worker in workers
        )
        alive = {worker.key for worker in workers}
        self._memory = {key: memory for key, memory in self._memory.items() if key in alive}
        self._rates = {pair: rate for pair, rate in self._rates.items() if pair[0] in alive}
        self._replicas = {pair: replicas for pair, replicas in self._replicas.items() if pair[0] in alive}
        return snapshots

    def _worker(self, worker: Worker, rest_s: float | None, now: float, wall_ms: int) -> WorkerSnapshot:
        replicas = tuple(self._replica(worker, model, replica, now) for model, replica in worker.replicas.items())
        memory = self._memory.setdefault(worker.key, _Memory(wall_ms))
        status = status_of(worker, replicas, rest_s)
        if status != memory.status:
            memory.status, memory.since_ms = status, wall_ms
        return WorkerSnapshot(
            key=worker.key,
            account=worker.peer.account,
            name=_seen(worker.hello.name) or worker.hello.worker,
            version=worker.hello.version,
            hardware=worker.hello.hardware,
            status=status,
            since_ms=memory.since_ms,
            joined_ms=memory.joined_ms,
            rest_s=rest_s,
            replicas=replicas,
            issues=tuple(worker.issues.values()),
            finished=worker.finished,
            faults=worker.faults,
            proven=worker.owner.proven,
            held_back=not worker.owner.within_bound,
        )

    def _replica(self, worker: Worker, model: str, replica: Replica, now: float) -> ReplicaSnapshot:
        pair = (worker.key, model)
        leases = {held: lease for held, lease in worker.leases.items() if lease.model == model}
        places = self._replicas[pair] = arranged(self._replicas.get(pair, []), leases, replica.slots)
        running = [None if held is None else leases[held] for held in places]
        tokens = worker.tokens[model]
        hidden = (
            replica.taken_elsewhere if replica.status == "ready" else 0
        )  # nothing is free while it loads, and nothing taken
        return ReplicaSnapshot(
            offer=replica.offer,
            status=replica.status,
            cells=cells_of(running, hidden, now),
            tps=round(self._rates.setdefault(pair, Rate()).sample(now, tokens), 1),
            tokens=tokens,
            makings=makings_of(running) if isinstance(replica.offer, MediaOffer) else (),
            tokens_per_step=replica.tokens_per_step,
            guesses=replica.guesses,
        )


def _ordered(worker: WorkerSnapshot, order: WorkerOrder | None) -> WorkerSnapshot:
    if order is None:
        return worker
    return replace(worker, order=order.kind, order_note=f": {order.note}" if order.note else "")


def _seen(name: str) -> str:
    """The printable characters of a name: one of blanks or of marks without width is a link that nobody can click."""
    return "".join(char for char in name[:256] if char.isprintable()).strip()


def arranged(before: Sequence[Held | None], held: Iterable[Held], slots: int) -> list[Held | None]:
    """The slots and their jobs: a job keeps its slot for as long as it runs, a new one takes the first free slot."""
    waiting = dict.fromkeys(held)
    places: list[Held | None] = [None] * max(slots, len(waiting))
    for place, one in enumerate(before[: len(places)]):
        if one is not None and one in waiting:
            places[place] = one
            del waiting[one]
    free = (place for place, one in enumerate(places) if one is None)
    for one, place in zip(list(waiting), free, strict=False):
        places[place] = one
    return places


def cells_of(places: Sequence[Lease | None], hidden: int, now: float) -> str:
    """One letter for each slot. The last `hidden` of the free ones are shown as taken by others (OTHER)."""
    letters = [FREE if lease is None else _letter(lease, now) for lease in places]
    for place in range(len(letters) - 1, -1, -1):
        if hidden > 0 and letters[place] == FREE:
            letters[place] = OTHER
            hidden -= 1
    return "".join(letters)


def makings_of(places: Sequence[Lease | None]) -> tuple[MakingSnapshot, ...]:
    """How far the jobs are that are not being stopped."""
    alive = (lease for lease in places if lease is not None and lease.state is not JobState.CANCELLING)
    return tuple(MakingSnapshot(lease.stage, lease.percent) for lease in alive)


def _letter(lease: Lease, now: float) -> str:
    match lease.state:
        case JobState.OFFERED:
            return OFFERED
        case JobState.CANCELLING:
            return STOPPING
        case _ if lease.stage is not None:
            return MAKING
        case _ if lease.last_token_at is None:
            return READING
        case _:
            return STREAMING if now - lease.last_token_at < STREAM_S else WAITING


def status_of(worker: Worker, replicas: Sequence[ReplicaSnapshot], rest_s: float | None) -> str:
    """One word for the whole worker: away, draining, resting, loading, down, paused, busy or ready."""
    if not worker.connected:
        return "away"
    if worker.draining:
        return "draining"
    if rest_s is not None:
        return "resting"
    if not any(replica.status == "ready" for replica in replicas):
        return "loading" if any(replica.status == "loading" for replica in replicas) else "down"
    if not any(replica.cells for replica in replicas):
        return "paused"
    return "busy" if any(replica.busy for replica in replicas) else "ready"
