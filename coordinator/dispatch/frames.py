"""What the frames of a welcomed worker mean. A late or repeated one is dropped, one out of order is a violation."""

from coordinator.dispatch import attempt_ends, blobs, delivery, failover, making, placing, silence, testimony
from coordinator.dispatch.calls import begun_by, unasked_call
from coordinator.dispatch.claims import size_bytes, violation
from coordinator.dispatch.dispatch_state import State
from coordinator.dispatch.effects import Accepted
from coordinator.dispatch.leases import AttemptEnd
from coordinator.dispatch.prompt_claims import most_prompt
from coordinator.dispatch.quotes import with_marked_notices
from coordinator.scheduler.state import Lease
from coordinator.scheduler.workers import Worker
from wire import messages as wire
from wire.blobs import Need
from wire.errors import ErrorCode, SupernetError
from wire.job_state import IllegalTransition, JobMessage, JobState, advance
from wire.media import Progress

ISSUES = 64  # of one worker at once; there are 38 kinds

JobFrame = Need | Progress | wire.Accepted | wire.Delta | AttemptEnd


def received(state: State, worker: Worker, message: wire.ToCoordinator, now: float) -> None:
    """A frame of a connected worker, on its present socket."""
    worker.heard_at = now
    state.fleet.settled(worker)
    match message:
        case wire.Hello():
            state.send(worker, wire.Error(code=ErrorCode.PROTOCOL_ERROR, message="hello is said once"))
        case wire.Capacity():
            worker.meter.read(message.power, now)
            for model in state.fleet.capacity(worker, message, now):
                placing.place(state, model, now)
        case wire.Draining():
            state.fleet.drains(worker)
            state.note("worker draining", worker.key)
        case wire.Issue():
            _issue(state, worker, message)
        case wire.Error():
            state.note("worker reports an error", worker.key, detail=f"{message.code}: {message.message}")
        case wire.Deltas():
            for delta in message.items:
                _job_frame(state, worker, delta, now)
        case Need() | Progress() | wire.Accepted() | wire.Refused() | wire.Done() | wire.Failed() | wire.Cancelled():
            _job_frame(state, worker, message, now)


def _issue(state: State, worker: Worker, issue: wire.Issue) -> None:
    if not issue.active:
        worker.issues.pop(issue.code, None)
    elif issue.code in worker.issues or len(worker.issues) < ISSUES:
        worker.issues[issue.code] = issue
    state.note("worker issue", worker.key, detail=f"{issue.severity} {issue.code}: {issue.message}")


# ---- one attempt ---------------------------------------------------------------------------------------------------


def _job_frame(state: State, worker: Worker, frame: JobFrame, now: float) -> None:
    if isinstance(frame, wire.Done | wire.Failed | wire.Cancelled):
        # Acknowledged whatever it is worth: the worker keeps an end until it knows that it has arrived.
        item = wire.AckItem(job=frame.job, attempt=frame.attempt, next_seq=frame.seq + 1)
        state.send(worker, wire.Ack(items=(item,)))
    lease = worker.leases.get((frame.job, frame.attempt))
    if lease is None:
        state.counters.late_frames += 1
        if isinstance(frame, wire.Accepted):  # it would run to its window and hold its slot for ever
            state.send(worker, wire.Cancel(job=frame.job, attempt=frame.attempt))
        return
    seq = None if isinstance(frame, Need | Progress | wire.Accepted | wire.Refused) else frame.seq
    again = isinstance(frame, wire.Accepted) and lease.accepted
    if again or (seq is not None and seq < lease.next_seq):
        state.counters.duplicate_frames += 1
        return
    try:
        _advance(state, lease, frame, seq)
    except IllegalTransition as error:
        if lease.adopted and isinstance(frame, wire.Cancelled):  # the cell that it was in had cancelled it already
            failover.lose(state, lease, "its attempt was cancelled in another cell", now)
            return
        _violation(state, worker, lease, str(error), now)
        return
    if not isinstance(frame, Need):
        blobs.stop(state, worker, lease)
    match frame:
        case Need():
            if wrong := blobs.send(state, worker, lease, frame):
                _violation(state, worker, lease, wrong, now)
        case Progress():
            if wrong := making.progressed(state, lease, frame, now):
                _violation(state, worker, lease, wrong, now)
        case wire.Accepted():
            _accepted(state, worker, lease, frame, now)
        case wire.Delta():
            _delta(state, worker, lease, frame, now)
        case _:
            attempt_ends.ended(state, worker, lease, frame, now)


def _advance(state: State, lease: Lease, frame: JobFrame, seq: int | None) -> None:
    """Take the attempt to its next state. Raises IllegalTransition for a frame that may not come now."""
    if seq is not None and seq > lease.next_seq and state.current(lease) is not None:
        raise IllegalTransition(f"frame {lease.next_seq} is missing: frame {seq} came")
    name = JobMessage.DELTA if isinstance(frame, wire.Delta) else JobMessage(frame.type)
    lease.state = advance(lease.state, name)


def _accepted(state: State, worker: Worker, lease: Lease, accepted: wire.Accepted, now: float) -> None:
    lease.accepted = True
    job = state.current(lease)
    if job is not None and accepted.prompt is not None:
        lease.prompt = min(accepted.prompt, most_prompt(worker, lease, job))
    if lease.state is JobState.RUNNING:  # else its deadline is that of the Cancel
        lease.since = lease.last_progress_at = now
    if job is not None and not job.cancelled:
        state.emit(Accepted(lease.job, lease.attempt))


def _delta(state: State, worker: Worker, lease: Lease, delta: wire.Delta, now: float) -> None:
    job = state.current(lease)
    if job is None:
        state.counters.late_frames += 1  # and of no use, however many come
        lease.tokens += len(delta.tokens)  # of a test they are thrown away, but it had to give some
        return
    size = size_bytes(delta)
    wrong = violation(job, lease, delta, size, state.limits.window_tokens) or unasked_call(
        job.spec.request, delta, job.calls
    )
    if wrong:
        _violation(state, worker, lease, wrong, now)
        return
    if lease.last_token_at is None and delta.tokens:
        state.fleet.read(worker, lease, job)
    lease.received(delta.seq, len(delta.tokens), now)
    lease.size_bytes += size
    job.calls |= begun_by(delta)
    delta = with_marked_notices(job, delta)
    lease.held_up = lease.held_up or lease.untaken_tokens >= state.limits.window_tokens // 2
    worker.tokens[lease.model] += len(delta.tokens)
    if not delta.tokens:  # no token stands for it: if the end is lost, another worker will say it again
        lease.trailing = delta
    elif not job.cancelled:
        delivery.deliver(state, job, lease, delta, now)
        if silence.is_too_long(job, lease):
            testimony.silent(state, worker, lease, job, now)


def _violation(state: State, worker: Worker, lease: Lease, what: str, now: float) -> None:
    """The worker broke the protocol in one attempt: the attempt is given up and the job moves on."""
    state.counters.violations += 1
    state.note("violation", worker.key, lease.job, what)
    state.send(worker, wire.Error(code=ErrorCode.PROTOCOL_ERROR, message=f"job {lease.job}: {what}"))
    failover.give_up(state, worker, lease, SupernetError(ErrorCode.WORKER_LOST, "the worker broke the protocol"), now)
