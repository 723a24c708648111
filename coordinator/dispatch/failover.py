"""An attempt is over without an answer: the job goes on at another worker, unless enough has been tried.

A token is delivered once and in order, whatever happens to the worker that made it: the job goes to the front of the
queue with the tokens that the client already has, and the next worker continues from there.
"""

from coordinator.dispatch import ends, handback, leases, placing, rests
from coordinator.dispatch.dispatch_state import State
from coordinator.dispatch.effects import Queued
from coordinator.scheduler import candidates
from coordinator.scheduler.state import Job, Lease, Limits
from coordinator.scheduler.workers import Worker
from wire.errors import ErrorCode, SupernetError


def move(state: State, job: Job, error: SupernetError, now: float) -> None:
    """Put the job back to the front of the queue, or end it. `error`: what the attempt ended with."""
    job.lease = None
    if job.cancelled:
        ends.stop(state, job, now)
    elif job.truncated is not None and _longest_context(state, job) < job.context:
        ends.fail(state, job, error, now)  # the worker with more context is gone: there is none to wait for
    elif tried_enough(job, state.limits):
        message = f"{job.starts} attempts failed, the last one with {error.code}: try again later"
        retry_after_s = state.retry_after_s(job.spec.model)
        ends.fail(state, job, SupernetError(error.code, message, retry_after_s=retry_after_s), now)
    else:
        placing.count_move(state, job)
        job.error = error
        if handback.is_due(state, job):
            handback.give(state, job, "failed here", now)
            return
        if job not in state.queue:  # one that waited while it could still be resumed has waited already
            job.waiting_since = now
            state.queue.add(job)
        placing.place(state, job.spec.model, now)
        place = state.queue.place(job) if job.legs else None
        if place is not None:  # its edge must know what was tried, should this cell die
            state.emit(Queued(job.spec.id, place))


def _longest_context(state: State, job: Job) -> int:
    return candidates.longest_context(state.fleet, job.spec.model, job.work)


def tried_enough(job: Job, limits: Limits) -> bool:
    """Whether no attempt may follow."""
    return job.failures >= limits.attempts or job.refusals >= limits.refusals or job.starts >= limits.starts


def is_last_try(job: Job, limits: Limits) -> bool:
    """Whether no attempt may follow this one: then it is better to wait for its worker as long as there is hope."""
    return job.failures + 1 >= limits.attempts or job.starts >= limits.starts


def lose(state: State, lease: Lease, why: str, now: float, gone: Worker | None = None) -> None:
    """A lease ended with its worker's socket. `gone`: the worker, if it is to blame."""
    state.fleet.release(lease)
    job = state.current(lease)
    if job is None:
        return
    if gone is not None:
        job.failures += 1
        rests.handed_back(state, gone, lease, job, now)
    move(state, job, SupernetError(ErrorCode.WORKER_LOST, f"the worker was lost: {why}"), now)


def give_up(
    state: State, worker: Worker, lease: Lease, error: SupernetError, now: float, *, blamed: bool = True
) -> None:
    """Take a job away from a connected worker that failed it. The slot stays leased until the worker frees it. Without
    `blamed` it was perhaps its line, and it does not rest for it alone."""
    job = state.current(lease)
    if job is not None:
        job.failures += 1
        if blamed:
            rests.blame(state, worker, job, now)
        else:
            rests.handed_back(state, worker, lease, job, now)
    leases.cancel(state, worker, lease, now)
    if job is not None:
        move(state, job, error, now)
