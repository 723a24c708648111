"""What the network has of one model, kept as it changes, so that no question about it costs as the number of workers.

Workers that can do the same are of one kind: there are a few kinds of thousands of workers. Of each kind the sums are
kept, and the workers with a free slot in the order in which they would serve a typical job.
"""

from bisect import bisect_left, insort
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import merge
from itertools import repeat
from math import log
from operator import itemgetter

from coordinator.scheduler.pace import slowness
from coordinator.scheduler.placement import Candidate, believed_s, expected_s
from coordinator.scheduler.prefix_affinity import PromptPrefixes
from coordinator.scheduler.workers import Replica, Worker
from wire.media import MediaOffer
from wire.offers import ModelOffer

# Prompt and answer, in tokens, of jobs by which workers are put in order: who is quick at one may be slow at another.
TYPICAL = ((128, 512.0), (1024, 128.0), (16384, 128.0))
STEP = 0.01  # workers whose times differ by less are as good as each other: who was used longer ago is first
HINTS = 50_000  # beginnings of prompts of which it is known who read them last
READERS = 32  # of each

Offer = ModelOffer | MediaOffer
Rank = tuple[int, float, str]  # steps of time, when it was last used, its key
KindKey = tuple[int, frozenset[str], tuple[int, ...]]


@dataclass(eq=False)
class Kind:
    """Workers of a model that can do the same. `offer`: of one of them; its speed and its slots are that one's."""

    offer: Offer
    context: int
    features: frozenset[str]
    members: dict[str, Worker] = field(default_factory=dict)  # all that take jobs now, or once it is loaded
    slots: int = 0
    offering: int = 0  # members with slots
    ready: int = 0  # members that have loaded it
    ready_offering: int = 0
    free: int = 0  # slots of those that have loaded it
    resting: int = 0  # members with slots that may not serve now
    resting_free: int = 0  # of `free`, those of members that may not serve now
    open: dict[str, Worker] = field(default_factory=dict)  # those with a free slot; some of them rest
    orders: tuple[list[Rank], ...] = field(default_factory=lambda: tuple([] for _ in TYPICAL))  # of `open`


@dataclass(frozen=True)
class _Counted:
    """What of one worker is in the sums."""

    kind: KindKey
    slots: int
    ready: bool
    free: int
    rests: bool
    sha256: str
    ranks: tuple[Rank, ...]  # empty: it has no free slot


class Pool:
    """All workers that serve one model. `count` is told of every change of one."""

    def __init__(self) -> None:
        self.kinds: dict[KindKey, Kind] = {}
        self.hashes: Counter[str] = Counter()  # claimed by those that have loaded it
        self._counted: dict[str, _Counted] = {}  # by worker
        self._readers: OrderedDict[int, tuple[str, ...]] = OrderedDict()  # of beginnings and sessions, the last first

    def count(self, worker: Worker, replica: Replica, failures: int, now: float, *, rests: bool = False) -> None:
        """The worker serves the model, as its replica says; one that `rests` takes its jobs later."""
        ready = replica.status == "ready"
        free = replica.free if ready else 0
        key = (replica.context, replica.features, replica.size)
        ranks = _ranks(worker, replica, failures, now) if free else ()
        sha256 = replica.offer.sha256 if ready else ""
        counted = _Counted(key, replica.slots, ready, free, rests, sha256, ranks)
        before = self._counted.get(worker.key)
        if before == counted:
            return
        if before is not None:
            self.leave(worker)
        kind = self.kinds.get(key)
        if kind is None:
            kind = self.kinds[key] = Kind(replica.offer, replica.context, replica.features)
        self._counted[worker.key] = counted
        kind.members[worker.key] = worker
        self._sum(kind, counted, 1)
        if ranks:
            kind.open[worker.key] = worker
            for order, rank in zip(kind.orders, ranks, strict=True):
                insort(order, rank)

    def leave(self, worker: Worker) -> None:
        """The worker does not serve the model, or not any more."""
        counted = self._counted.pop(worker.key, None)
        if counted is None:
            return
        kind = self.kinds[counted.kind]
        del kind.members[worker.key]
        if not kind.members:
            del self.kinds[counted.kind]
        self._sum(kind, counted, -1)
        if counted.ranks:
            del kind.open[worker.key]
            for order, rank in zip(kind.orders, counted.ranks, strict=True):
                del order[bisect_left(order, rank)]

    def read(self, worker: str, prompt: PromptPrefixes) -> None:
        """The worker's engine has read the prompt."""
        for step in _names(prompt):
            readers = self._readers.pop(step, ())
            self._readers[step] = (worker, *(other for other in readers if other != worker))[:READERS]
        while len(self._readers) > HINTS:
            self._readers.popitem(last=False)

    # ---- questions -----------------------------------------------------------------------------------------------

    @property
    def open(self) -> Iterator[Worker]:
        """Those with a free slot, the quickest of each kind first; some of them rest."""
        return quickest(self.kinds.values(), 0)

    def readers(self, prompt: PromptPrefixes) -> list[str]:
        """Workers that have read a beginning of the prompt, the longest first; READERS at most, and some have left."""
        found: dict[str, None] = {}
        for step in _names(prompt):
            found |= dict.fromkeys(self._readers.get(step, ()))
            if len(found) >= READERS:
                break
        return list(found)[:READERS]

    def _sum(self, kind: Kind, counted: _Counted, sign: int) -> None:
        kind.slots += sign * counted.slots
        kind.offering += sign * (counted.slots > 0)
        kind.ready += sign * counted.ready
        kind.ready_offering += sign * (counted.ready and counted.slots > 0)
        kind.free += sign * counted.free
        if counted.rests:
            kind.resting += sign * (counted.slots > 0)
            kind.resting_free += sign * counted.free
        if counted.sha256:
            self.hashes[counted.sha256] += sign
            if not self.hashes[counted.sha256]:
                del self.hashes[counted.sha256]


def quickest(kinds: Iterable[Kind], order: int) -> Iterator[Worker]:
    """Workers of these kinds with a free slot, in the order of TYPICAL of that number."""
    ranked = merge(*(zip(kind.orders[order], repeat(kind)) for kind in kinds), key=itemgetter(0))
    return (kind.open[rank[2]] for rank, kind in ranked)


def _names(prompt: PromptPrefixes) -> Iterator[int]:
    """Of its session and its beginnings, the longest first."""
    if prompt.session:
        yield prompt.session
    yield from reversed(prompt.steps)


def _ranks(worker: Worker, replica: Replica, failures: int, now: float) -> tuple[Rank, ...]:
    """Where it stands in each order. A fault doubles its time, as in placement."""
    slow, faults = slowness(replica, now), 2.0 ** min(failures, 10)
    if isinstance(replica.offer, MediaOffer):
        each_s = [(replica.held + 1) / max(replica.effort_s, 0.001)] * len(TYPICAL)
    else:
        candidate = Candidate(worker.key, replica.held, replica.context, replica.speed)
        each_s = [expected_s(candidate, prompt, answer) for prompt, answer in TYPICAL]
    return tuple((_steps(believed_s(one_s, slow) * faults), worker.last_used, worker.key) for one_s in each_s)


def _steps(seconds: float) -> int:
    return int(log(max(seconds, 1e-6)) / STEP)
