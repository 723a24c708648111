"""Snapshots of the workers: what each slot does, how fast tokens flow, since when a worker has its status.

Pure: clocks and the state of dispatch are arguments; a snapshot holds no reference to anything that changes.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from coordinator.dashboard.snapshots import FREE, MakingSnapshot, ReplicaSnapshot, WorkerSnapshot
from coordinator.scheduler.state import Lease, WorkerOrder
from coordinator.scheduler.workers import Replica, Worker
from wire.job_state import JobState
from wire.media import MediaOffer

STREAM_S = 2.0  # a slot whose job gave no token for so long is shown as waiting
RATE_SAMPLES = 4  # a speed is measured over the time between the last four
HISTORY = 180  # points of the line of the whole network, one a second

OFFERED, READING, STREAMING, WAITING, MAKING, STOPPING, OTHER = "orswmcx"
Held = tuple[str, int]  # job, attempt


class Rate:
    """Tokens a second, from samples of a counter."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque(maxlen=RATE_SAMPLES)

    def since(self, now: float, total: int) -> None:
        """Begin anew: so much it was then."""
        self._samples.clear()
        self._samples.append((now, total))

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
    snapshot: WorkerSnapshot | None = None  # the last one
    made_of: tuple[Any, ...] | None = None  # it is the same as long as this is; None: not even then


class Watch:
    """Takes snapshots, and remembers what the next one needs. Workers that have left are forgotten."""

    def __init__(self) -> None:
        self.history: deque[float] = deque(maxlen=HISTORY)  # tokens a second of the whole network
        self._total = Rate()
        self._memory: dict[str, _Memory] = {}
        self._looked = 0.0  # when all were looked at last
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
        one of the operator's `orders`. Of a worker that has no jobs and with which nothing has happened it is the same
        one as before: most of ten thousand are like that, and cost a hundredth of the others."""
        orders = orders or {}
        told = resting.keys() | orders.keys()
        snapshots = tuple(
            (None if worker.key in told else self._calm(worker))
            or self._anew(worker, resting.get(worker.key), now, wall_ms, orders)
            for worker in workers
        )
        if len(self._memory) > len(workers):
            alive = {worker.key for worker in workers}
            self._memory = {key: memory for key, memory in self._memory.items() if key in alive}
            self._rates = {pair: rate for pair, rate in self._rates.items() if pair[0] in alive}
            self._replicas = {pair: replicas for pair, replicas in self._replicas.items() if pair[0] in alive}
        self._looked = now
        return snapshots

    def prepare(self, workers: Sequence[Worker], now: float, wall_ms: int) -> Iterator[WorkerSnapshot]:
        """While nobody watches: look at some workers, so that the first who does need not wait for all to be new."""
        for worker in workers:
            if self._calm(worker) is None:
                yield self._anew(worker, None, now, wall_ms, {})

    def _calm(self, worker: Worker) -> WorkerSnapshot | None:
        """The last snapshot, if one made now would be the same."""
        memory = self._memory.get(worker.key)
        if memory is None or memory.made_of is None or worker.leases or memory.made_of != _made_of(worker):
            return None
        return memory.snapshot

    def _anew(
        self, worker: Worker, rest_s: float | None, now: float, wall_ms: int, orders: Mapping[str, WorkerOrder]
    ) -> WorkerSnapshot:
        memory = self._memory.setdefault(worker.key, _Memory(wall_ms))
        if memory.made_of is not None and memory.snapshot is not None:  # nobody has sampled its tokens meanwhile
            for replica in memory.snapshot.replicas:
                self._rates.setdefault((worker.key, replica.offer.id), Rate()).since(self._looked, replica.tokens)
        snapshot = _ordered(self._worker(worker, memory, rest_s, now, wall_ms), orders.get(worker.key))
        # With a speed of 0 all samples of its tokens are the same, and so will be the next.
        calm = not worker.leases and rest_s is None and not snapshot.order and not snapshot.tps
        memory.snapshot, memory.made_of = snapshot, _made_of(worker) if calm else None
        return snapshot

    def _worker(
        self, worker: Worker, memory: _Memory, rest_s: float | None, now: float, wall_ms: int
    ) -> WorkerSnapshot:
        replicas = tuple(self._replica(worker, model, replica, now) for model, replica in worker.replicas.items())
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


def _made_of(worker: Worker) -> tuple[Any, ...]:
    """All that the snapshot of a worker without jobs depends on; `hello` and its offers are never changed in place."""
    owner = worker.owner
    own = (worker.hello, worker.left_at is None, worker.draining, worker.finished, worker.faults)
    models = [
        (model, each.offer, each.status, each.slots, each.taken_elsewhere, each.tokens_per_step, each.guesses)
        for model, each in worker.replicas.items()
    ]
    return (*own, owner.proven, owner.within_bound, *worker.issues.values(), *worker.tokens.values(), *models)


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
