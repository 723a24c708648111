"""How far an attempt is that makes something: what its worker says of it, and what of that the client is told."""

from coordinator.dispatch.dispatch_state import State
from coordinator.dispatch.effects import Progressed
from coordinator.scheduler.state import Job, Lease
from wire.media import EditImage, GenerateImage, MediaRequest, Progress

LEAST_S = 0.2  # between two of them: at most two a second are to come


def progressed(state: State, lease: Lease, progress: Progress, now: float) -> str | None:
    """Take the next word of an attempt. Returns what is wrong with it; None: nothing.

    A client is told what is ahead of all that it was told before, by whichever worker: one that begins anew is silent
    until it has come so far.
    """
    job = state.current(lease)
    if job is None:
        state.counters.late_frames += 1
        return None
    if not isinstance(job.spec.request, MediaRequest):
        return "progress of a request that makes nothing"
    if now - lease.last_progress_at < LEAST_S and lease.stage == progress.stage:
        state.counters.duplicate_frames += 1  # one too many, though perhaps a new step
    lease.stage, lease.last_progress_at = progress.stage, now
    if progress.stage != "loading" and lease.began_at is None:
        lease.began_at = now
    told = Progressed(job.spec.id, progress.stage, progress.step, progress.steps, _preview(job, progress))
    lease.percent = told.percent
    if is_ahead(job, told) and not job.cancelled:
        state.emit(told)
    return None


def is_ahead(job: Job, told: Progressed) -> bool:
    """Whether this is more than the job's client was told before; then it counts as told."""
    if told.percent < job.percent or (told.percent == job.percent and not told.preview):
        return False
    job.percent = told.percent
    job.previews += bool(told.preview)
    return True


def _preview(job: Job, progress: Progress) -> str:
    """The unfinished picture, if it was asked for and is not one too many."""
    make = job.spec.request.make if isinstance(job.spec.request, MediaRequest) else None
    asked = make.previews if isinstance(make, GenerateImage | EditImage) else 0
    return progress.preview if job.previews < asked else ""
