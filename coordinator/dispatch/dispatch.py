"""The heart of the coordinator, pure: frames, clients' wishes and ticks come in, effects go out.

Every job ends in exactly one of Finished, Failed, Stopped. A slot is a lease: it ends when the worker says so, when
the worker is gone, or when a Cancel has stayed unanswered for too long.
"""

from dataclasses import dataclass

from coordinator.dispatch.effects import Drained, Effect, Queued
from coordinator.dispatch.frames import CLIENT_FAULTS, Frames
from coordinator.dispatch.health_check import Trial
from coordinator.dispatch.jobs import Jobs
from coordinator.dispatch.membership import Attendance
from coordinator.scheduler.prefix_affinity import trail
from coordinator.scheduler.state import Counters, Job, JobSpec, Lease, Limits, Peer, Worker
from wire.errors import ErrorCode, SupernetError
from wire.job_state import JobState
from wire.messages import HEARTBEAT_S, Hello, Move, ToCoordinator

NO_WORKER_RETRY_S = 10.0
RESTART_RETRY_S = 5.0
SILENT_S = 1.5 * HEARTBEAT_S  # nothing at all was heard of a worker
MOVE_FIRST_S = 1.0
MOVE_EACH_S, MOVE_SPREAD_S = 0.02, 10.0  # workers come back one after another, the last after so long at most


@dataclass(frozen=True, order=True)
class Standing:
    """A job's place in the queue, from 1, and the seconds until it starts, as far as that can be known."""

    place: int
    wait_s: float


@dataclass(frozen=True)
class Online:
    """What is there for one model now. A worker that still loads it, or whose engine is down, does not count, nor for
    `context`, the longest, one that offers no slots."""

    workers: int
    slots: int
    free: int
    context: int
    waiting: int


class Dispatch:
    """State of the coordinator. Every method is plain: nothing can interleave inside it. `now` is in seconds."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._jobs = Jobs(self.limits)
        self._fleet = self._jobs.fleet
        self._waiting = self._jobs.waiting
        self._attendance = Attendance(self._jobs)
        self._trial = Trial(self._jobs)
        self._frames = Frames(self._jobs, self._trial)
        self._drain_until: float | None = None
        self._drained = False

    # ---- workers -------------------------------------------------------------------------------------------------

    def worker_joined(self, hello: Hello, peer: Peer, now: float) -> list[Effect]:
        """A socket said Hello. Answered by Welcome, or by an error and a close."""
        self._attendance.joined(hello, peer, now)
        return self._jobs.flush()

    def worker_left(self, session: str, resumable: bool, now: float) -> list[Effect]:
        """A socket ended. `resumable`: it dropped, so the worker may come back for its jobs."""
        self._attendance.left(session, resumable, now)
        return self._jobs.flush()

    def received(self, session: str, message: ToCoordinator, now: float) -> list[Effect]:
        """A valid frame. One of a session that has been replaced means nothing any more."""
        worker = self._fleet.by_session(session)
        if worker is not None and worker.connected:
            self._frames.received(worker, message, now)
        return self._jobs.flush()

    # ---- clients -------------------------------------------------------------------------------------------------

    def submit(self, spec: JobSpec, now: float) -> list[Effect]:
        """A new job: placed at once, queued, or failed with a reason that says when to come back."""
        self._jobs.counters.submitted += 1
        prompt = trail(spec.request, spec.account, spec.session)
        job = Job(spec, submitted=now, waiting_since=now, trail=prompt)
        self._jobs.all[spec.id] = job
        if self._drain_until is not None:
            message = "the coordinator is about to restart: try again in a moment"
            self._jobs.fail(job, SupernetError(ErrorCode.SHUTTING_DOWN, message, retry_after_s=RESTART_RETRY_S), now)
        elif not self._fleet.hopeful(spec.model, now):
            self._jobs.counters.refused_no_worker += 1
            message = f"no worker serves {spec.model} at the moment: try again later, or another model"
            self._jobs.fail(job, SupernetError(ErrorCode.NO_WORKER, message, retry_after_s=NO_WORKER_RETRY_S), now)
        elif (blocked_s := self._jobs.poison.blocked_s(spec, now)) is not None:
            self._jobs.counters.poison_blocked += 1
            message = f"this request has crashed engines: it is not tried again for {blocked_s:.0f} s"
            self._jobs.fail(job, SupernetError(ErrorCode.POISON_REQUEST, message), now)
        else:
            self._let_in(job, now)
        return self._jobs.flush()

    def _let_in(self, job: Job, now: float) -> None:
        full = self._waiting.full(job.spec.account)
        self._waiting.add(job)
        self._jobs.place(job.spec.model, now)
        place = self._waiting.place(job)
        if place is not None and full is not None:
            self._jobs.counters.refused_full += 1
            self._waiting.remove(job)
            wait_s = self._jobs.wait_s(job)
            message = f"{full}: try again in {wait_s:.0f} s"
            self._jobs.fail(job, SupernetError(ErrorCode.QUEUE_FULL, message, retry_after_s=wait_s), now)
        elif place is not None:
            self._jobs.emit(Queued(job.spec.id, place))

    def cancel(self, job_id: str, now: float) -> list[Effect]:
        """The client has left. The job ends as Stopped once its slot is free; without a slot at once."""
        job = self._jobs.all.get(job_id)
        if job is None or job.cancelled:
            return []
        job.cancelled = True
        self._waiting.remove(job)
        worker = None if job.lease is None else self._fleet.workers[job.lease.worker]
        if job.lease is not None and worker is not None and worker.connected:
            self._jobs.cancel_lease(worker, job.lease, now)
        else:
            self._jobs.stop(job, now)
        return self._jobs.flush()

    def revoked(self, job_id: str, now: float) -> list[Effect]:
        """The key that asked is not good any more."""
        job = self._jobs.all.get(job_id)
        if job is not None:
            message = "The API key of this request has ended: it expired or was revoked."
            self._jobs.fail(job, SupernetError(ErrorCode.INVALID_API_KEY, message), now)
        return self._jobs.flush()

    def acknowledged(self, job_id: str, attempt: int, seq: int, now: float) -> list[Effect]:
        """The client has taken everything up to frame `seq` of `attempt`. Acks go out in batches and with ticks."""
        job = self._jobs.all.get(job_id)
        lease = None if job is None else job.lease
        if lease is not None and lease.attempt == attempt:
            lease.take(seq, now)
            worker = self._fleet.workers[lease.worker]
            if worker.connected and lease.taken_seq - lease.acked_seq >= self.limits.ack_frames:
                self._jobs.acknowledge(worker, [lease], now)
        return self._jobs.flush()

    # ---- time ----------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> list[Effect]:
        """Called four times a second: deadlines, and acknowledgements that have waited long enough."""
        for job in list(self._jobs.all.values()):
            self._give_up_on(job, now)
        for worker in list(self._fleet.workers.values()):
            self._attendance.watch(worker, now)
            if worker.connected:
                for lease in list(worker.leases.values()):
                    self._watch(worker, lease, now)
                due = [lease for lease in worker.leases.values() if lease.ack_due(now, self.limits)]
                self._jobs.acknowledge(worker, due, now)
        for model in self._waiting.models():
            for job in self._waiting.jobs(model):
                self._expire(job, now)
            self._jobs.place(model, now)
        self._trial.tick(now)
        self._fleet.probation.forget(now)
        self._drain_step(now)
        return self._jobs.flush()

    def _give_up_on(self, job: Job, now: float) -> None:
        """The client's own deadline: nobody waits any more, so the job keeps no slot and no place in the queue."""
        within_s = job.spec.deadline_s
        if within_s is None or job.cancelled or now - job.submitted < within_s:
            return
        self._jobs.counters.deadlines += 1
        message = (
            f"no whole answer within the {within_s:g} s that this client waits: stream it, ask for less, or wait longer"
        )
        self._jobs.fail(job, SupernetError(ErrorCode.DEADLINE_EXCEEDED, message), now)

    def _watch(self, worker: Worker, lease: Lease, now: float) -> None:
        """Deadlines of one attempt."""
        if now - worker.seen >= SILENT_S and not self._fleet.another_open(worker, lease.model, now):
            return  # not its engine but its line: that has a deadline of its own, and after it the job may be resumed
        age = now - lease.since
        if lease.state is JobState.OFFERED and age >= self.limits.accept_s:
            self._jobs.counters.accept_timeouts += 1
            self._jobs.note("offer not answered", worker.key, lease.job)
            error = SupernetError(ErrorCode.WORKER_STALLED, "the worker did not answer")
            self._jobs.give_up(worker, lease, error, now)
        elif lease.state is JobState.CANCELLING and age >= self.limits.cancel_s:
            self._write_off(worker, lease, now)
        elif self._jobs.current(lease) is not None and lease.stalled(now, self.limits):
            self._jobs.counters.stalls += 1
            self._jobs.note("stalled", worker.key, lease.job)
            error = SupernetError(ErrorCode.WORKER_STALLED, "the worker fell silent")
            self._jobs.give_up(worker, lease, error, now)

    def _write_off(self, worker: Worker, lease: Lease, now: float) -> None:
        """The worker never said that the slot is free. Its next Capacity tells whether it is."""
        self._jobs.counters.written_off += 1
        self._jobs.note("cancel not answered", worker.key, lease.job)
        self._jobs.rest(worker, now)
        self._fleet.release(lease)
        job = self._jobs.current(lease)
        if job is not None:
            job.lease = None
            self._jobs.stop(job, now)

    def _expire(self, job: Job, now: float) -> None:
        if job.lease is not None or now - job.waiting_since < self.limits.queue_wait_s:
            return
        self._jobs.counters.queue_timeouts += 1
        wait_s = self._jobs.wait_s(job)
        if job.error is not None and job.failures and job.error.code not in CLIENT_FAULTS:
            code, why = job.error.code, "an attempt failed and no other worker became free"
        else:
            code, why = ErrorCode.QUEUE_TIMEOUT, f"no slot became free within {self.limits.queue_wait_s:.0f} s"
        message = f"{why}: try again in {wait_s:.0f} s"
        self._jobs.fail(job, SupernetError(code, message, retry_after_s=wait_s), now)

    # ---- the end of the process ----------------------------------------------------------------------------------

    def drain(self, within_s: float, now: float) -> list[Effect]:
        """Take no more jobs; once the last has ended, or after `within_s`, send the workers away."""
        if self._drain_until is None:
            self._drain_until = now + within_s
        self._drain_step(now)
        return self._jobs.flush()

    def _drain_step(self, now: float) -> None:
        if self._drain_until is None or self._drained or (self._jobs.all and now < self._drain_until):
            return
        self._drained = True
        for job in list(self._jobs.all.values()):
            error = SupernetError(
                ErrorCode.SHUTTING_DOWN, "the coordinator restarts: try again", retry_after_s=RESTART_RETRY_S
            )
            self._jobs.fail(job, error, now)
        connected = [worker for worker in self._fleet.workers.values() if worker.connected]
        each_s = min(MOVE_EACH_S, MOVE_SPREAD_S / max(len(connected), 1))
        for i, worker in enumerate(connected):
            self._jobs.send(worker, Move(after_s=MOVE_FIRST_S + each_s * i))
        self._jobs.emit(Drained())

    # ---- questions -----------------------------------------------------------------------------------------------

    @property
    def counters(self) -> Counters:
        return self._jobs.counters

    @property
    def draining(self) -> bool:
        return self._drain_until is not None

    @property
    def workers(self) -> list[Worker]:
        """To look at, not to change."""
        return list(self._fleet.workers.values())

    def resting(self, now: float) -> dict[str, float]:
        """Keys of workers that get no jobs after a fault -> seconds until they are tested."""
        return self._fleet.probation.waiting(now)

    def standing(self, job_id: str) -> Standing | None:
        """Where the job stands in the queue; None if it does not wait."""
        job = self._jobs.all.get(job_id)
        place = None if job is None else self._waiting.place(job)
        if job is None or place is None:
            return None
        return Standing(place, self._waiting.wait_s(job.spec.model, place, self._fleet.slots(job.spec.model)))

    def served(self, job_id: str) -> tuple[tuple[str, int], ...] | None:
        """Delivered tokens of a job by the worker that made them; None if it has ended."""
        job = self._jobs.all.get(job_id)
        return None if job is None else tuple(job.served.items())

    def running(self) -> int:
        return len(self._jobs.all)

    def online(self, model: str) -> Online:
        seats = [worker.seats[model] for worker in self._fleet.serving(model)]
        ready = [seat for seat in seats if seat.status == "ready"]
        return Online(
            workers=len(ready),
            slots=self._fleet.slots(model),
            free=sum(seat.free for seat in ready),
            context=max((seat.offer.context for seat in ready if seat.slots), default=0),
            waiting=self._waiting.count(model),
        )

    def claims(self, model: str) -> tuple[tuple[str, int], ...]:
        return self._fleet.claims(model)
