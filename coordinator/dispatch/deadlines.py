"""What the clock ends: jobs whose client waits no longer, attempts that stand still, places in the queue."""

from coordinator.dispatch import blobs, ends, failover, handback, leases, making_deadlines, rests
from coordinator.dispatch.attempt_ends import CLIENT_FAULTS
from coordinator.dispatch.dispatch_state import State
from coordinator.scheduler import candidates, pace
from coordinator.scheduler.media_work import MediaWork
from coordinator.scheduler.reading import first_token_s
from coordinator.scheduler.state import Job, Lease, Limits
from coordinator.scheduler.workers import Worker
from wire.errors import ErrorCode, SupernetError
from wire.job_state import JobState
from wire.messages import HEARTBEAT_S

SILENT_S = 1.5 * HEARTBEAT_S  # no frame at all has come from the worker


def check_client(state: State, job: Job, now: float) -> None:
    """End a job whose client's own deadline has passed: nobody waits for its answer any more."""
    error = too_late(job, now)
    if error is not None:
        state.counters.deadlines += 1
        ends.fail(state, job, error, now)


def too_late(job: Job, now: float) -> SupernetError | None:
    """What is said of a job once its client's own deadline has passed; None before that."""
    within_s = job.spec.deadline_s
    if within_s is None or job.cancelled or now - job.submitted < within_s:
        return None
    message = (
        f"no whole answer within the {within_s:g} s that this client waits: stream it, ask for less, or wait longer"
    )
    return SupernetError(ErrorCode.DEADLINE_EXCEEDED, message)


def check_leases(state: State, worker: Worker, now: float) -> None:
    """Give up attempts that stand still, and acknowledge what has waited long enough for it."""
    for lease in list(worker.leases.values()):
        _check_lease(state, worker, lease, now)
    due = [lease for lease in worker.leases.values() if lease.ack_due(now, state.limits)]
    leases.acknowledge(state, worker, due, now)


def _check_lease(state: State, worker: Worker, lease: Lease, now: float) -> None:
    job = state.current(lease)
    work = None if job is None else job.work
    if now - worker.heard_at >= SILENT_S and not candidates.another_open(state.fleet, worker, lease.model, now, work):
        return  # not its engine but its line: that has a deadline of its own, and after it the job may be resumed
    age = now - lease.since
    if lease.state is JobState.OFFERED:
        if age >= blobs.accept_s(job, lease, state.limits):
            _not_answered(state, worker, lease, now)
    elif lease.made and lease.state is JobState.RUNNING:
        if age >= state.limits.done_s:
            leases.cancel(state, worker, lease, now)
    elif job is None and lease.state is JobState.RUNNING and state.quarantine.test(worker.key) is not lease:
        leases.cancel(state, worker, lease, now)  # a test that was overtaken by what became of a job beside it
    elif lease.state is JobState.CANCELLING and age >= state.limits.cancel_s:
        _write_off(state, worker, lease, now)
    elif job is not None and isinstance(job.work, MediaWork):
        if why := making_deadlines.overdue(job.work, lease, worker.replicas.get(lease.model), now):
            state.counters.stalls += 1
            state.note("stalled", worker.key, lease.job, why)
            error = SupernetError(ErrorCode.WORKER_STALLED, f"the worker was too slow: {why}")
            failover.give_up(state, worker, lease, error, now)
    elif job is not None and (lease.stalled(now, state.limits) or _is_mute(state, worker, lease, now)):
        state.counters.stalls += 1
        state.note("stalled", worker.key, lease.job)
        error = SupernetError(ErrorCode.WORKER_STALLED, "the worker fell silent")
        failover.give_up(state, worker, lease, error, now)
    elif job is not None and _is_slow(state, worker, lease, job, now):
        state.counters.slow_streams += 1
        state.note("far slower than it claims", worker.key, lease.job)
        pace.learn(worker.replicas[lease.model], lease, job, now - lease.since, now)
        error = SupernetError(ErrorCode.WORKER_STALLED, "the worker was far slower than it claims")
        failover.give_up(state, worker, lease, error, now)


def _not_answered(state: State, worker: Worker, lease: Lease, now: float) -> None:
    """The worker neither accepts nor refuses. Where it asked for files it may be waiting for them still."""
    state.counters.accept_timeouts += 1
    asked = lease.wanted_bytes > 0
    if asked:
        state.note("files did not arrive", worker.key, lease.job)
    else:
        state.note("offer not answered", worker.key, lease.job)
    error = SupernetError(ErrorCode.WORKER_STALLED, "the worker did not answer")
    failover.give_up(state, worker, lease, error, now, blamed=not asked)


def _is_mute(state: State, worker: Worker, lease: Lease, now: float) -> bool:
    """Whether its first token should have been there."""
    waited_s = now - lease.last_progress_at
    if lease.state is not JobState.RUNNING or lease.last_token_at is not None or waited_s <= state.limits.first_token_s:
        return False
    replica = worker.replicas.get(lease.model)
    return replica is None or waited_s > first_token_s(replica, lease, state.limits)


def _is_slow(state: State, worker: Worker, lease: Lease, job: Job, now: float) -> bool:
    """Whether the stream is far below its worker's own claim, and would be much faster elsewhere at once."""
    replica = worker.replicas.get(lease.model)
    if replica is None or lease.state is not JobState.RUNNING:
        return False
    tps = pace.slow_tps(replica, lease, state.limits, now)
    if tps is None or failover.is_last_try(job, state.limits):
        return False
    return candidates.is_faster_elsewhere(state.fleet, worker, job, tps, now)


def _write_off(state: State, worker: Worker, lease: Lease, now: float) -> None:
    """The worker never said that the slot is free. Its next Capacity tells whether it is."""
    state.counters.written_off += 1
    state.note("cancel not answered", worker.key, lease.job)
    rests.fault(state, worker, now)
    state.fleet.release(lease)
    job = state.current(lease)
    if job is not None:
        job.lease = None
        ends.stop(state, job, now)


def queue_wait_s(job: Job, limits: Limits) -> float:
    """How long the job may wait for a slot."""
    return limits.queue_wait_s if job.work.queue_wait_s is None else job.work.queue_wait_s


def check_wait(state: State, job: Job, now: float) -> None:
    """A job that has waited for a slot as long as it may fails. One that also waits for its dropped worker does not:
    it has a lease, and the resume window is its deadline."""
    if job.lease is not None:
        return
    if handback.may(state, job) and not candidates.servable(state.fleet, job.spec.model, now, job.work):
        handback.give(state, job, "no worker", now)
        return
    within_s = queue_wait_s(job, state.limits)
    if now - job.waiting_since < within_s:
        return
    state.counters.queue_timeouts += 1
    wait_s = state.retry_after_s(job.spec.model)
    if job.error is not None and job.failures and job.error.code not in CLIENT_FAULTS:
        code, why = job.error.code, "an attempt failed and no other worker became free"
    elif not candidates.slots(state.fleet, job.spec.model, job.work):
        code, why = ErrorCode.NO_WORKER, f"no worker of {job.spec.model} is left, and none came back"
    else:
        code, why = ErrorCode.QUEUE_TIMEOUT, f"no slot became free within {within_s:.0f} s"
    message = f"{why}: try again in {wait_s:.0f} s"
    ends.fail(state, job, SupernetError(code, message, retry_after_s=wait_s), now)
