"""What may be asked of dispatch; nothing here changes it."""

from dataclasses import dataclass

from coordinator.dispatch import ends, overview
from coordinator.dispatch.dispatch_state import State
from coordinator.dispatch.effects import Progress
from coordinator.dispatch.overview import ModelStock
from coordinator.dispatch.takeover import is_its_own
from coordinator.scheduler import candidates
from coordinator.scheduler.state import Counters, Job, JobSpec
from coordinator.scheduler.workers import Worker
from wire.blobs import VISION
from wire.media import MediaOffer


@dataclass(frozen=True, order=True)
class QueuePosition:
    """A job's place in the queue, from 1, and an estimate of the seconds until it starts."""

    place: int
    wait_s: float


@dataclass(frozen=True)
class Online:
    """The workers of one model and their slots now. A worker that still loads it, or whose engine is down, does not
    count; for `context`, the longest in tokens, neither does one that offers no slots. `seeing`: those of `workers` on
    which the model sees pictures, with `seeing_free` of the free slots. `modes`: of media, what those that offer slots
    can make, and `offers` what each says of it. `hashes`: the sha256 of the weights that workers claim, each with how
    many; the commonest first."""

    workers: int
    slots: int
    free: int
    seeing: int
    seeing_free: int
    context: int
    waiting: int
    modes: frozenset[str]
    offers: tuple[MediaOffer, ...]
    hashes: tuple[tuple[str, int], ...]


class Outlook:
    """Jobs and workers of one coordinator as they are now. Returned records are to look at, not to change."""

    _state: State

    @property
    def counters(self) -> Counters:
        """How often what happened; to look at, not to change."""
        return self._state.counters

    @property
    def draining(self) -> bool:
        return self._state.drain_until is not None

    @property
    def workers(self) -> list[Worker]:
        """All workers that are connected, or may come back; to look at, not to change."""
        return list(self._state.fleet.workers.values())

    def worker(self, key: str) -> Worker | None:
        """One of them by its key."""
        return self._state.fleet.workers.get(key)

    def resting(self, now: float) -> dict[str, float]:
        """Keys of workers that get no jobs after a fault -> seconds until they are tested."""
        return self._state.quarantine.waiting(now)

    def queue_position(self, job_id: str) -> QueuePosition | None:
        """The job's place in the queue; None if it does not wait."""
        state = self._state
        job = state.jobs.get(job_id)
        place = None if job is None else state.queue.place(job)
        if job is None or place is None:
            return None
        slots = candidates.slots(state.fleet, job.spec.model, job.work)
        return QueuePosition(place, state.queue.wait_s(job.spec.model, place, slots))

    def progress(self, job_id: str) -> Progress | None:
        """What the client of a job has got so far; None if the job has ended."""
        job = self._state.jobs.get(job_id)
        return None if job is None else ends.progress(job)

    def running(self) -> int:
        """How many jobs have not ended; those that wait count too."""
        return len(self._state.jobs)

    def online(self, model: str) -> Online:
        """What the network has for a model now."""
        pool = self._state.fleet.pool(model)
        kinds = list(pool.kinds.values())
        seeing = [kind for kind in kinds if VISION in kind.features]
        offering = [kind for kind in kinds if kind.ready_offering]
        media = [kind for kind in offering if isinstance(kind.offer, MediaOffer)]
        replicas = [worker.replicas[model] for kind in media for worker in kind.members.values()]
        return Online(
            workers=sum(kind.ready for kind in kinds),
            slots=sum(kind.slots for kind in kinds),
            free=sum(kind.free for kind in kinds),
            seeing=sum(kind.ready for kind in seeing),
            seeing_free=sum(kind.free for kind in seeing),
            context=max((kind.context for kind in offering), default=0),
            waiting=self._state.queue.count(model),
            modes=frozenset().union(*(kind.features for kind in offering)),
            offers=tuple(
                one.offer
                for one in replicas
                if one.status == "ready" and one.slots and isinstance(one.offer, MediaOffer)
            ),
            hashes=candidates.claimed_hashes(self._state.fleet, model),
        )

    def stock(self, model: str, now: float) -> ModelStock:
        """What there is of a model in this cell now, as other cells are told."""
        return overview.stock(self._state, model, now)

    def stocks(self, now: float) -> tuple[ModelStock, ...]:
        """The same of all models."""
        return overview.stocks(self._state, now)

    def waited_for(self) -> list[str]:
        """The models that jobs wait for."""
        return self._state.queue.models()

    def waiting(self, model: str) -> list[Job]:
        """The jobs that wait for the model and hold no slot, in the order of their turn."""
        return [job for job in self._state.queue.order(model) if job.lease is None]

    def job(self, job_id: str) -> Job | None:
        """A job that has not ended; None if it is not here."""
        return self._state.jobs.get(job_id)

    def process(self, worker: str) -> str:
        """The instance that a worker is now; "" if it is not here."""
        found = self._state.fleet.workers.get(worker)
        return "" if found is None else found.hello.instance

    def reclaimable(self, job_id: str, attempt: int, worker: str, instance: str, next_seq: int) -> JobSpec | None:
        """The job that this process of a worker may take along to another cell, where its next new frame of the attempt
        is `next_seq`; None: it is not here, or not the worker's any more."""
        job = self._state.jobs.get(job_id)
        return (
            job.spec if job is not None and is_its_own(self._state, job, attempt, worker, instance, next_seq) else None
        )
