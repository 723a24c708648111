"""How an attempt ends by its worker's word, and what becomes of its job: it is done, or it goes on elsewhere."""

from coordinator.dispatch import (
    calls,
    delivery,
    ends,
    failover,
    health_check,
    merits,
    placing,
    rests,
    silence,
    testimony,
)
from coordinator.dispatch.dispatch_state import State
from coordinator.dispatch.effects import Deliver
from coordinator.dispatch.leases import AttemptEnd
from coordinator.dispatch.prompt_claims import believed
from coordinator.scheduler import candidates
from coordinator.scheduler.state import Job, Lease, Truncated
from coordinator.scheduler.workers import Worker
from wire import messages as wire
from wire.chat import Notice
from wire.errors import ERRORS, ErrorCode, SupernetError

# What a worker may say about a request, and other owners' workers are asked (testimony.py). Any other code is the
# worker's own trouble: a stranger's machine must not be able to tell a client that its key is bad or its money gone.
CLIENT_FAULTS = frozenset({ErrorCode.INVALID_REQUEST, ErrorCode.REQUEST_TOO_LARGE, ErrorCode.CONTEXT_LENGTH_EXCEEDED})
# The engine died, or reading the answer met a bug. It may be the request's doing: then the worker does not rest for it,
# and other owners' decide. But it counts against a request only where the engine has finished a job before:
# one that dies of its first may do so on that machine whatever it is asked (a build for another CPU).
SUSPECT = frozenset({ErrorCode.ENGINE_CRASHED, ErrorCode.INTERNAL_ERROR})
# Codes under which a client may be told how its last attempt ended: they speak of a worker and not of the client.
OWN_TROUBLE = SUSPECT | {code for code, row in ERRORS.items() if row.retryable}
BUSY_MIN_S, BUSY_MAX_S = 0.25, 10.0  # how long a worker that refused for want of a slot is left alone
NOT_LOADED_S = 5.0  # one heartbeat: by then the worker has said what is loaded


def ended(state: State, worker: Worker, lease: Lease, frame: AttemptEnd, now: float) -> None:
    """The worker says that the attempt is over, and so that its slot is free again."""
    state.fleet.release(lease)
    job = state.current(lease)
    if job is None:
        health_check.ended(state, worker, lease, frame, now)
    else:
        job.lease = None
        if isinstance(frame, wire.Done | wire.Cancelled):
            frame = frame.model_copy(update={"usage": believed(state, worker, lease, job, frame.usage, now)})
        match frame:
            case wire.Done():
                _done(state, worker, lease, job, frame, now)
            case wire.Cancelled():
                ends.stop(state, job, now, frame.usage if job.reader in (None, lease.worker) else None)
            case wire.Refused():
                _refused(state, worker, lease, job, frame, now)
            case wire.Failed():
                _failed(state, worker, lease, job, frame, now)
    placing.place(state, lease.model, now)


def _done(state: State, worker: Worker, lease: Lease, job: Job, done: wire.Done, now: float) -> None:
    if not job.work.tokens:
        _made_nothing(state, worker, job, now)
        return
    empty = silence.is_empty(job, lease)
    if empty and testimony.is_asked_elsewhere(state, worker, lease, job, now):
        return
    state.queue.served(job, now - lease.since)
    state.fleet.counted(worker, lease, job, done.usage)
    worker.finished += 1
    broken = not job.cancelled and calls.are_broken(job, lease, done)
    # To say nothing may be honest, and is no fault; but anybody can, so it proves nothing; nor does a lie of its price,
    # or a call that nobody can make.
    if lease.fruitful and not (empty or lease.overclaimed or broken or silence.says_too_little(job, lease)):
        merits.proved(state, worker, lease, job, now)
    silence.end(job, lease)
    if job.cancelled:
        ends.stop(state, job, now, done.usage)
        return
    if _slot_was_full(state, worker, job, done, now):
        job.truncated = Truncated(done, len(job.delivered), lease.trailing)
        failover.move(state, job, SupernetError(ErrorCode.CONTEXT_LENGTH_EXCEEDED, "the slot was full"), now)
        return
    if lease.trailing is not None:
        delivery.deliver(state, job, lease, lease.trailing, now)
    if broken:
        _broken(state, worker, lease, job, done, now)
    ends.finish(state, job, done, now)


def _broken(state: State, worker: Worker, lease: Lease, job: Job, done: wire.Done, now: float) -> None:
    """The client has arguments that are no JSON, and is told so. A worker mends what its model writes, so the one that
    made the whole answer said what was not so."""
    state.counters.broken_calls += 1
    state.note("arguments that are no JSON", worker.key, job.spec.id)
    said = Notice(text="the arguments of a tool call are no JSON")
    notice = wire.Delta(job=lease.job, attempt=lease.attempt, seq=done.seq, parts=(said,))
    state.emit(Deliver(job.spec.id, notice, len(job.delivered)))
    if set(job.served) <= {worker.key} and state.fleet.owners.was_wrong(worker.peer.account):
        rests.fault(state, worker, now)


def _made_nothing(state: State, worker: Worker, job: Job, now: float) -> None:
    """What was to be made ends the job once it is stored (uploads.py): here it is missing."""
    if job.cancelled:
        ends.stop(state, job, now)
        return
    job.failures += 1
    rests.blame(state, worker, job, now)
    failover.move(state, job, SupernetError(ErrorCode.ENGINE_ERROR, "the worker ended it and uploaded nothing"), now)


def _slot_was_full(state: State, worker: Worker, job: Job, done: wire.Done, now: float) -> bool:
    """Whether the answer was cut where the worker's context ended, and one with more can go on at once."""
    replica = worker.replicas.get(job.spec.model)
    asked = job.work.tokens
    if replica is None or done.finish_reason != "length" or len(job.delivered) >= asked:
        return False
    if failover.is_last_try(job, state.limits):
        return False
    job.context = replica.context + 1
    return candidates.choose_worker(state.fleet, job, now) is not None


def _refused(state: State, worker: Worker, lease: Lease, job: Job, refused: wire.Refused, now: float) -> None:
    """The attempt never started. The request's own fault ends the job; anything else sends it elsewhere."""
    state.counters.refusals += 1
    error = _error_of(refused)
    replica = worker.replicas.get(job.spec.model)
    if refused.code is ErrorCode.CONTEXT_LENGTH_EXCEEDED and replica is not None:
        larger = replica.context + 1
        if candidates.longest_context(state.fleet, job.spec.model, job.work) >= larger:
            job.context = larger
            failover.move(state, job, error, now)
            return
    if refused.code in CLIENT_FAULTS:
        testimony.accuse(state, worker, job, error, now)
        return
    job.refusals += 1
    match refused.code:
        case ErrorCode.WORKER_DRAINING:
            state.fleet.drains(worker)
        case ErrorCode.WORKER_BUSY if replica is not None:
            wait_s = 1.0 if refused.retry_after_s is None else refused.retry_after_s
            replica.busy_until = now + min(max(wait_s, BUSY_MIN_S), BUSY_MAX_S)
        case ErrorCode.MODEL_NOT_LOADED if replica is not None:
            replica.busy_until = now + NOT_LOADED_S
        case ErrorCode.INTERNAL_ERROR:
            testimony.engine_died(state, worker, lease, job, error, now)
            return
        case _:
            rests.blame(state, worker, job, now)
    testimony.refused(state, worker, lease, job, refused.code, now)
    failover.move(state, job, error, now)


def _failed(state: State, worker: Worker, lease: Lease, job: Job, failed: wire.Failed, now: float) -> None:
    """The attempt began and gave no whole answer."""
    error = _error_of(failed)
    if failed.code in CLIENT_FAULTS:
        testimony.accuse(state, worker, job, error, now)
        return
    if failed.code in SUSPECT:
        testimony.engine_died(state, worker, lease, job, error, now)
        return
    if failed.code is ErrorCode.WORKER_DRAINING:
        state.fleet.drains(worker)
        rests.handed_back(state, worker, lease, job, now)
    else:
        job.failures += 1
        rests.blame(state, worker, job, now)
    failover.move(state, job, error, now)


def _error_of(frame: wire.Refused | wire.Failed) -> SupernetError:
    """What a worker says went wrong, under a code that it may use."""
    believed = frame.code in CLIENT_FAULTS or frame.code in OWN_TROUBLE
    return SupernetError(frame.code if believed else ErrorCode.ENGINE_ERROR, frame.message, param=frame.param)
