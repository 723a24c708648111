"""What the frames of a welcomed worker mean. A late or repeated one is dropped, one out of order is a violation."""

from coordinator.dispatch.claims import believed, lie, weight
from coordinator.dispatch.effects import Accepted, Deliver
from coordinator.dispatch.health_check import Trial
from coordinator.dispatch.jobs import Jobs
from coordinator.scheduler.state import Cut, Job, Lease, Worker
from wire import messages as wire
from wire.errors import ERRORS, ErrorCode, SupernetError
from wire.job_state import IllegalTransition, JobMessage, JobState, advance

# What a worker may say about a request and be believed. Any other code is the worker's own trouble: a stranger's
# machine must not be able to tell a client that his key is bad or his money gone.
CLIENT_FAULTS = frozenset({ErrorCode.INVALID_REQUEST, ErrorCode.REQUEST_TOO_LARGE, ErrorCode.CONTEXT_LENGTH_EXCEEDED})
# The engine died, or reading the answer met a bug. It may be the request's doing: then the worker does not rest for it,
# and a second worker decides. But only one that has finished a job before bears witness against a request: an engine
# that dies of its first may do so on that machine whatever it is asked (a build for another CPU).
SUSPECT = frozenset({ErrorCode.ENGINE_CRASHED, ErrorCode.INTERNAL_ERROR})
# What a client may be told that its last attempt ended with: of a worker, and not of the client.
OWN_TROUBLE = SUSPECT | {code for code, row in ERRORS.items() if row.retryable}
BUSY_MIN_S, BUSY_MAX_S = 0.25, 10.0  # how long a worker that refused for want of a slot is left alone
NOT_LOADED_S = 5.0  # one heartbeat: by then the worker has said what is loaded
ISSUES = 64  # of one worker at once; there are 38 kinds

End = wire.Refused | wire.Done | wire.Failed | wire.Cancelled
JobFrame = wire.Accepted | wire.Delta | End


class Frames:
    def __init__(self, jobs: Jobs, trial: Trial) -> None:
        self._jobs = jobs
        self._trial = trial

    def received(self, worker: Worker, message: wire.ToCoordinator, now: float) -> None:
        worker.seen = now
        self._jobs.fleet.settled(worker)
        match message:
            case wire.Hello():
                self._jobs.send(worker, wire.Error(code=ErrorCode.PROTOCOL_ERROR, message="hello is said once"))
            case wire.Capacity():
                self._jobs.fleet.capacity(worker, message)
                for model in worker.seats:
                    self._jobs.place(model, now)
            case wire.Draining():
                worker.draining = True
                self._jobs.note("worker draining", worker.key)
            case wire.Issue():
                self._issue(worker, message)
            case wire.Error():
                self._jobs.note("worker reports an error", worker.key, detail=f"{message.code}: {message.message}")
            case wire.Deltas():
                for delta in message.items:
                    self._job_frame(worker, delta, now)
            case _:
                self._job_frame(worker, message, now)

    def _issue(self, worker: Worker, issue: wire.Issue) -> None:
        if not issue.active:
            worker.issues.pop(issue.code, None)
        elif issue.code in worker.issues or len(worker.issues) < ISSUES:
            worker.issues[issue.code] = issue
        self._jobs.note("worker issue", worker.key, detail=f"{issue.severity} {issue.code}: {issue.message}")

    # ---- one attempt ---------------------------------------------------------------------------------------------

    def _job_frame(self, worker: Worker, frame: JobFrame, now: float) -> None:
        if isinstance(frame, wire.Done | wire.Failed | wire.Cancelled):
            # Acknowledged whatever it is worth: the worker keeps an end until it knows that it has arrived.
            item = wire.AckItem(job=frame.job, attempt=frame.attempt, next_seq=frame.seq + 1)
            self._jobs.send(worker, wire.Ack(items=(item,)))
        lease = worker.leases.get((frame.job, frame.attempt))
        if lease is None:
            self._jobs.counters.late_frames += 1
            if isinstance(frame, wire.Accepted):  # it would run to its window and hold its slot for ever
                self._jobs.send(worker, wire.Cancel(job=frame.job, attempt=frame.attempt))
            return
        seq = None if isinstance(frame, wire.Accepted | wire.Refused) else frame.seq
        again = isinstance(frame, wire.Accepted) and lease.state is JobState.RUNNING
        if again or (seq is not None and seq < lease.next_seq):
            self._jobs.counters.duplicate_frames += 1
            return
        try:
            self._advance(lease, frame, seq)
        except IllegalTransition as error:
            self._violation(worker, lease, str(error), now)
            return
        match frame:
            case wire.Accepted():
                self._accepted(lease, now)
            case wire.Delta():
                self._delta(worker, lease, frame, now)
            case _:
                self._ended(worker, lease, frame, now)

    def _advance(self, lease: Lease, frame: JobFrame, seq: int | None) -> None:
        """Raises IllegalTransition for a frame that may not come now."""
        if seq is not None and seq > lease.next_seq and self._jobs.current(lease) is not None:
            raise IllegalTransition(f"frame {lease.next_seq} is missing: frame {seq} came")
        name = JobMessage.DELTA if isinstance(frame, wire.Delta) else JobMessage(frame.type)
        lease.state = advance(lease.state, name)

    def _accepted(self, lease: Lease, now: float) -> None:
        job = self._jobs.current(lease)
        if lease.state is JobState.RUNNING:  # else its deadline is that of the Cancel
            lease.since = lease.last_progress = now
        if job is not None and not job.cancelled:
            self._jobs.emit(Accepted(lease.job, lease.attempt))

    def _delta(self, worker: Worker, lease: Lease, delta: wire.Delta, now: float) -> None:
        job = self._jobs.current(lease)
        if job is None:
            lease.tokens += len(delta.tokens)  # of a test they are thrown away, but it had to give some
            return
        if wrong := lie(job, lease, delta, self._jobs.limits.window_tokens):
            self._violation(worker, lease, wrong, now)
            return
        if lease.last_token is None and delta.tokens:
            self._jobs.fleet.read(worker, job)
        lease.received(delta.seq, len(delta.tokens), now)
        lease.weight += weight(delta)
        worker.tokens[lease.model] += len(delta.tokens)
        if not delta.tokens:  # no token stands for it: if the end is lost, another worker will say it again
            lease.last_words = delta
        elif not job.cancelled:
            self._deliver(job, lease, delta, now)

    def _deliver(self, job: Job, lease: Lease, delta: wire.Delta, now: float) -> None:
        job.delivered.extend(delta.tokens)
        if delta.tokens:
            job.served[lease.worker] = job.served.get(lease.worker, 0) + len(delta.tokens)
        self._jobs.counters.tokens += len(delta.tokens)
        self._jobs.waiting.delivered(job)
        if job.first_token_at is None and delta.tokens:
            job.first_token_at = now
        self._jobs.emit(Deliver(job.spec.id, delta, len(job.delivered)))

    def _violation(self, worker: Worker, lease: Lease, what: str, now: float) -> None:
        """The worker broke the protocol in one attempt: the attempt is given up and the job moves on."""
        self._jobs.counters.violations += 1
        self._jobs.note("violation", worker.key, lease.job, what)
        self._jobs.send(worker, wire.Error(code=ErrorCode.PROTOCOL_ERROR, message=f"job {lease.job}: {what}"))
        self._jobs.give_up(worker, lease, SupernetError(ErrorCode.WORKER_LOST, "the worker broke the protocol"), now)

    # ---- its end -------------------------------------------------------------------------------------------------

    def _ended(self, worker: Worker, lease: Lease, frame: End, now: float) -> None:
        """By the worker's word the slot is free again."""
        self._jobs.fleet.release(lease)
        job = self._jobs.current(lease)
        if job is None:
            self._trial.ended(worker, lease, frame, now)
        else:
            job.lease = None
            seat = worker.seats.get(lease.model)
            if seat is not None and isinstance(frame, wire.Done | wire.Cancelled):
                frame = frame.model_copy(
                    update={"usage": believed(frame.usage, min(seat.offer.context, job.spec.bound))}
                )
            match frame:
                case wire.Done():
                    self._done(worker, lease, job, frame, now)
                case wire.Cancelled():
                    self._jobs.stop(job, now, frame.usage)
                case wire.Refused():
                    self._refused(worker, job, frame, now)
                case wire.Failed():
                    self._failed(worker, job, frame, now)
        self._jobs.place(lease.model, now)

    def _done(self, worker: Worker, lease: Lease, job: Job, done: wire.Done, now: float) -> None:
        if lease.tokens and self._jobs.fleet.probation.failures(worker.key):
            self._jobs.note("worker serves again", worker.key)
        if lease.tokens:  # an empty answer may be honest, and is no fault; but anybody can say it, so it proves nothing
            self._jobs.fleet.probation.succeeded(worker.key)
        self._jobs.waiting.served(job, now - lease.since)
        self._jobs.fleet.counted(worker, lease, job, done.usage)
        self._jobs.fleet.proved(lease)
        worker.finished += 1
        if job.cancelled:
            self._jobs.stop(job, now, done.usage)
            return
        if self._slot_was_full(worker, job, done, now):
            job.cut = Cut(done, len(job.delivered), lease.last_words)
            self._jobs.move(job, SupernetError(ErrorCode.CONTEXT_LENGTH_EXCEEDED, "the slot was full"), now)
            return
        if lease.last_words is not None:
            self._deliver(job, lease, lease.last_words, now)
        self._jobs.waiting.ended(job, done.usage.prompt)
        del self._jobs.all[job.spec.id]
        self._jobs.finished(job, done, now)

    def _slot_was_full(self, worker: Worker, job: Job, done: wire.Done, now: float) -> bool:
        """Whether the answer was cut where the worker's context ended, and one with more can go on at once."""
        seat = worker.seats.get(job.spec.model)
        asked = job.spec.request.max_tokens
        if seat is None or done.finish_reason != "length" or len(job.delivered) >= asked or self._jobs.last_try(job):
            return False
        job.context = seat.offer.context + 1
        return self._jobs.fleet.choose(job, now) is not None

    def _refused(self, worker: Worker, job: Job, refused: wire.Refused, now: float) -> None:
        """The attempt never started. The request's own fault ends the job; anything else sends it elsewhere."""
        self._jobs.counters.refusals += 1
        error = _heard(refused)
        seat = worker.seats.get(job.spec.model)
        if refused.code is ErrorCode.CONTEXT_LENGTH_EXCEEDED and seat is not None:
            job.context = seat.offer.context + 1
            if self._jobs.fleet.longest_context(job.spec.model) >= job.context:
                self._jobs.move(job, error, now)
                return
        if refused.code in CLIENT_FAULTS:
            self._jobs.fail(job, error, now)
            return
        job.refusals += 1
        match refused.code:
            case ErrorCode.WORKER_DRAINING:
                worker.draining = True
            case ErrorCode.WORKER_BUSY if seat is not None:
                wait_s = 1.0 if refused.retry_after_s is None else refused.retry_after_s
                seat.busy_until = now + min(max(wait_s, BUSY_MIN_S), BUSY_MAX_S)
            case ErrorCode.MODEL_NOT_LOADED if seat is not None:
                seat.busy_until = now + NOT_LOADED_S
            case ErrorCode.INTERNAL_ERROR:
                self._suspect(worker, job, now)
            case _:
                self._jobs.blame(worker, job, now)
        self._jobs.move(job, error, now)

    def _failed(self, worker: Worker, job: Job, failed: wire.Failed, now: float) -> None:
        error = _heard(failed)
        if failed.code in CLIENT_FAULTS:
            self._jobs.fail(job, error, now)
            return
        if failed.code is ErrorCode.WORKER_DRAINING:
            worker.draining = True
        elif failed.code in SUSPECT:
            self._suspect(worker, job, now)
        else:
            job.failures += 1
            self._jobs.blame(worker, job, now)
        self._jobs.move(job, error, now)

    def _suspect(self, worker: Worker, job: Job, now: float) -> None:
        """By what we have seen ourselves: a worker's own word on whose fault it was would be of no use."""
        job.failures += 1
        seat = worker.seats.get(job.spec.model)
        if seat is not None and seat.proven:
            job.crashes += 1
            job.avoid.add(worker.incarnation)
        else:
            self._jobs.blame(worker, job, now)


def _heard(frame: wire.Refused | wire.Failed) -> SupernetError:
    """What a worker says went wrong, under a name that it may use."""
    believed = frame.code in CLIENT_FAULTS or frame.code in OWN_TROUBLE
    return SupernetError(frame.code if believed else ErrorCode.ENGINE_ERROR, frame.message, param=frame.param)
