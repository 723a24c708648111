"""What dispatch knows, and the effects of the call under way. The other files here are functions over this state."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from coordinator.dispatch.effects import Effect, Noted, Send
from coordinator.dispatch.poison import PoisonList
from coordinator.scheduler import candidates
from coordinator.scheduler.fleet import Fleet
from coordinator.scheduler.job_queue import JobQueue
from coordinator.scheduler.offers import Outgoing
from coordinator.scheduler.quarantine import Quarantine
from coordinator.scheduler.state import Counters, Job, Lease, Limits, WorkerOrder
from coordinator.scheduler.workers import Worker
from wire.handed_catalog import HandedCatalog
from wire.messages import ToWorker


@dataclass
class State:
    """One coordinator's jobs, workers and queue. Only `Dispatch` makes one, and only functions of this folder change
    it."""

    limits: Limits
    replica: str = ""  # this coordinator's name among several
    newest: str = ""  # of the worker's versions that this coordinator gives out
    handed: HandedCatalog | None = None  # to workers
    outgoing: Outgoing = field(default_factory=dict)  # removed models whose jobs have not ended
    elsewhere: frozenset[str] = frozenset()  # models that other cells serve
    jobs: dict[str, Job] = field(default_factory=dict)  # those that have not ended, by id
    poison: PoisonList = field(default_factory=PoisonList)
    counters: Counters = field(default_factory=Counters)
    test_numbers: Iterator[int] = field(default_factory=lambda: count(1))  # of the tests in health_check.py
    drain_until: float | None = None  # no more jobs are taken; None: they are
    drained: bool = False
    requests: set[object] = field(default_factory=set)  # of clients: another job may follow those that have ended
    orders: dict[str, WorkerOrder] = field(default_factory=dict)  # the operator's, by worker
    leaving: set[str] = field(default_factory=set)  # the keys of those that were sent away

    def __post_init__(self) -> None:
        self.queue = JobQueue(self.limits)
        self.quarantine = Quarantine(self.limits, self.orders)
        self.fleet = Fleet(self.quarantine)
        self._effects: list[Effect] = []

    def emit(self, effect: Effect) -> None:
        self._effects.append(effect)

    def send(self, worker: Worker, message: ToWorker) -> None:
        self._effects.append(Send(worker.peer.session, message))

    def note(self, event: str, worker: str = "", job: str = "", detail: str = "") -> None:
        """A line of the operator's log. `worker`: its key."""
        self._effects.append(Noted(event, worker, job, detail))

    def flush(self) -> list[Effect]:
        """All effects since the last flush, in order."""
        effects, self._effects = self._effects, []
        return effects

    def current(self, lease: Lease) -> Job | None:
        """The job of a lease; None when the job has ended or moved on, and the frames do not count any more."""
        job = self.jobs.get(lease.job)
        return job if job is not None and job.lease is lease else None

    def retry_after_s(self, model: str) -> float:
        """When a client that is turned away should come again: once the jobs that wait now have been served."""
        return self.queue.retry_after_s(model, candidates.slots(self.fleet, model))
