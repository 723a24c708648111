"""The heart of the coordinator, pure: frames, clients' wishes and ticks come in, effects go out.

Every job ends in exactly one of Finished, Failed, Stopped. A slot is a lease: it ends when the worker says so, when
the worker is gone, or when a Cancel has stayed unanswered for too long.
"""

from dataclasses import dataclass

from coordinator.artefact import Artefact
from coordinator.dispatch import (
    deadlines,
    drain,
    ends,
    frames,
    health_check,
    leases,
    membership,
    placing,
    unservable,
    uploads,
)
from coordinator.dispatch.dispatch_state import State
from coordinator.dispatch.effects import Effect, Progress, Queued
from coordinator.scheduler import candidates
from coordinator.scheduler.state import Counters, Job, JobSpec, Limits, Peer
from coordinator.scheduler.workers import Worker
from wire.blobs import VISION
from wire.errors import ErrorCode, SupernetError
from wire.media import MediaOffer
from wire.messages import Hello, ToCoordinator


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


class Dispatch:
    """All jobs and workers of one coordinator.

    Every method that changes something takes `now`, in seconds of one monotonic clock, and returns the effects that
    the caller must perform, in their order and before the next call's. Methods are plain: nothing can interleave
    inside one. They raise nothing, whatever a worker or a client does; any exception is a bug.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._state = State(self.limits)

    # ---- workers -------------------------------------------------------------------------------------------------

    def worker_joined(self, hello: Hello, peer: Peer, now: float) -> list[Effect]:
        """A socket said Hello. Answered by Welcome, or by an error and a close."""
        membership.joined(self._state, hello, peer, now)
        return self._state.flush()

    def worker_left(self, session: str, resumable: bool, now: float) -> list[Effect]:
        """A socket ended. `resumable`: it dropped, so the worker may come back for its jobs. A session that is not
        known, or was replaced, changes nothing."""
        membership.left(self._state, session, resumable, now)
        return self._state.flush()

    def received(self, session: str, message: ToCoordinator, now: float) -> list[Effect]:
        """A worker's frame, decoded and valid by itself, that came on the socket of `session`.

        Returns what follows from it: tokens and ends for clients, acknowledgements and Starts for this and other
        workers, often nothing. A frame that the protocol does not allow now is no exception: its worker is sent an
        Error and the job goes on elsewhere. A frame of a session that has been replaced or has left means nothing.
        """
        worker = self._state.fleet.by_session(session)
        if worker is not None and worker.connected:
            frames.received(self._state, worker, message, now)
        else:
            self._state.counters.late_frames += 1
        return self._state.flush()

    # ---- clients -------------------------------------------------------------------------------------------------

    def submit(self, spec: JobSpec, now: float) -> list[Effect]:
        """A new job: placed at once, queued, or failed with a reason that says when to come back. `spec.id` must be
        new."""
        state = self._state
        state.counters.submitted += 1
        job = Job(spec, submitted=now, waiting_since=now)
        state.jobs[spec.id] = job
        error = unservable.why(state, job, now)
        if error is not None:
            ends.fail(state, job, error, now)
            return state.flush()
        full = state.queue.full(spec.account)
        state.queue.add(job)
        placing.place(state, spec.model, now)
        place = state.queue.place(job)
        if place is not None and full is not None:
            state.counters.refused_full += 1
            state.queue.remove(job)
            wait_s = state.retry_after_s(spec.model)
            message = f"{full}: try again in {wait_s:.0f} s"
            ends.fail(state, job, SupernetError(ErrorCode.QUEUE_FULL, message, retry_after_s=wait_s), now)
        elif place is not None:
            state.emit(Queued(spec.id, place))
        return state.flush()

    def upload(self, job_id: str, attempt: int, token: str) -> JobSpec | None:
        """The job of the attempt that may upload what it made with this token; None: nobody waits for it, or it is
        another's token. A spec without an account is of a test: what it made is looked at, and not kept."""
        return uploads.allowed(self._state, job_id, attempt, token)

    def uploaded(
        self, job_id: str, attempt: int, artefact: Artefact | SupernetError, now: float
    ) -> list[Effect] | None:
        """What the attempt made is verified and stored, and its job is finished with it. Or it may not be kept or
        shown, for the reason that is given instead, and the job ends so. None: it came too late, or is not the first of
        this attempt, and must not be kept."""
        taken = uploads.ended(self._state, job_id, attempt, artefact, now)
        return self._state.flush() if taken else None

    def cancel(self, job_id: str, now: float) -> list[Effect]:
        """The client has left. The job ends as Stopped once its slot is free; without a slot at once. A job that has
        ended is left alone."""
        state = self._state
        job = state.jobs.get(job_id)
        if job is None or job.cancelled:
            return []
        job.cancelled = True
        state.queue.remove(job)
        worker = None if job.lease is None else state.fleet.workers[job.lease.worker]
        if job.lease is not None and worker is not None and worker.connected:
            leases.cancel(state, worker, job.lease, now)
        else:
            ends.stop(state, job, now)
        return state.flush()

    def revoked(self, job_id: str, now: float) -> list[Effect]:
        """The key that asked for the job is not good any more: the job fails."""
        job = self._state.jobs.get(job_id)
        if job is not None:
            message = "The API key of this request has ended: it expired or was revoked."
            ends.fail(self._state, job, SupernetError(ErrorCode.INVALID_API_KEY, message), now)
        return self._state.flush()

    def acknowledged(self, job_id: str, attempt: int, seq: int, now: float) -> list[Effect]:
        """The client has taken everything up to frame `seq` of `attempt`. Acks go out in batches and with ticks."""
        state = self._state
        job = state.jobs.get(job_id)
        lease = None if job is None else job.lease
        if lease is not None and lease.attempt == attempt:
            lease.take(seq, now)
            worker = state.fleet.workers[lease.worker]
            if worker.connected and lease.taken_seq - lease.acked_seq >= self.limits.ack_frames:
                leases.acknowledge(state, worker, [lease], now)
        return state.flush()

    # ---- time ----------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> list[Effect]:
        """To be called four times a second: deadlines, and acknowledgements that have waited long enough."""
        state = self._state
        for job in list(state.jobs.values()):
            deadlines.check_client(state, job, now)
        for worker in list(state.fleet.workers.values()):
            membership.watch(state, worker, now)
            if worker.connected and worker.leases:
                deadlines.check_leases(state, worker, now)
        for model in state.queue.models():
            for job in state.queue.jobs(model):
                deadlines.check_wait(state, job, now)
            placing.place(state, model, now)
        health_check.tick(state, now)
        state.quarantine.forget(now)
        drain.step(state, now)
        return state.flush()

    def drain(self, within_s: float, now: float) -> list[Effect]:
        """Take no more jobs; once the last has ended, or after `within_s` seconds, send the workers away."""
        drain.begin(self._state, within_s, now)
        return self._state.flush()

    # ---- questions -----------------------------------------------------------------------------------------------

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
        return (
            None
            if job is None
            else Progress(min(job.read, job.spec.prompt.most), job.reader, tuple(job.served.items()))
        )

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
