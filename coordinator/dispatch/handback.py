"""A job that cannot go on in this cell is given back where other cells serve its model: its edge chooses another.

So many times and no more: then it stays where it is, as if there were this cell alone.
"""

from coordinator.dispatch import ends
from coordinator.dispatch.dispatch_state import State
from coordinator.dispatch.effects import Handback
from coordinator.dispatch.so_far import SoFar
from coordinator.scheduler import candidates
from coordinator.scheduler.state import Job
from wire.errors import ErrorCode, SupernetError

MOST = 3  # of one job
# Of those who are turned away at once, whom another cell may take.
ELSEWHERE = {
    ErrorCode.NO_WORKER: "no worker",
    ErrorCode.QUEUE_FULL: "queue full",
    ErrorCode.SHUTTING_DOWN: "shutting down",
}


def may(state: State, job: Job) -> bool:
    """Whether another cell may have the job."""
    return job.spec.model in state.elsewhere and job.handbacks < MOST and not job.cancelled


def is_due(state: State, job: Job) -> bool:
    """Whether nobody here is left to try it, and another cell may."""
    return may(state, job) and not candidates.is_untried_ready(state.fleet, job)


def give(state: State, job: Job, why: str, now: float) -> None:
    """The job leaves. An attempt of a worker that has dropped goes along: it may come back to another cell."""
    job.handbacks += 1
    lease = job.lease
    worker = None if lease is None else state.fleet.workers.get(lease.worker)
    so_far = leave(state, job, now, None if worker is None else worker.hello.instance)
    if lease is not None:
        state.fleet.release(lease)
    state.note("handed back", job.worker or "", job.spec.id, why)
    state.emit(Handback(job.spec.id, job.spec, so_far, why))


def give_or_fail(state: State, job: Job, error: SupernetError, now: float) -> None:
    """A job that is turned away: for another cell, if one may take it."""
    if error.code in ELSEWHERE and may(state, job):
        job.error = error
        give(state, job, ELSEWHERE[error.code], now)
    else:
        ends.fail(state, job, error, now)


def leave(state: State, job: Job, now: float, instance: str | None) -> SoFar:
    """Take the job out of everything but the lease of its worker. What its account was charged goes along with it, and
    so does its wait, unless it was running. `instance`: of its worker, whose attempt goes along."""
    if job.starts and job not in state.queue:
        job.waiting_since = now
    so_far = SoFar.of(job, now, instance)
    state.queue.remove(job)
    ends.forget(state, job)
    job.lease = None
    return so_far
