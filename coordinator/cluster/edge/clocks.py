"""How long a leg may stand still before its edge gives it up. Its cell has clocks of its own, and they come first:
these are for a cell that is wrong, or is not what it was."""

from statistics import median

from coordinator.cluster.edge.journey import Journey
from coordinator.dispatch.attempt_ends import CLIENT_FAULTS
from coordinator.dispatch.deadlines import queue_wait_s
from coordinator.dispatch.making_deadlines import LOADING_S
from coordinator.scheduler.media_work import MediaWork
from coordinator.scheduler.state import Limits
from wire.errors import ErrorCode, SupernetError

SLACK_S = 5.0  # on top of what a cell allows: its words are on the way
QUIET_S = 2.0  # nothing of a leg: its cell is asked
SILENT_S = 10.0  # and does not answer: the leg is given up
RETRY_S = 10.0


def overdue(journey: Journey, limits: Limits, now: float) -> str | None:
    """Why the leg is given up; None: it goes on."""
    job, lease = journey.job, journey.job.lease
    if now - journey.heard_at >= SILENT_S:
        return "its cell does not answer"
    if lease is None:
        return None
    away_s = limits.resume_window_s + SLACK_S  # its worker may be away so long
    if isinstance(job.work, MediaWork):
        return "it stands still" if now - lease.last_progress_at > LOADING_S + away_s else None
    if lease.last_token_at is None:
        most_s = limits.accept_pictures_s + limits.first_token_most_s + away_s
        return "no first token" if now - lease.last_progress_at > most_s else None
    if lease.untaken_tokens >= limits.window_tokens // 2:
        return None  # it waits for its client
    silent_s = now - lease.last_progress_at - away_s
    if silent_s <= limits.stall_s or silent_s <= limits.stall_gaps * (median(lease.gaps) if lease.gaps else 0.0):
        return None
    return "no more tokens"


def waited(journey: Journey, limits: Limits, now: float) -> SupernetError | None:
    """The error of a job that has waited for a slot as long as it may, in whichever cells; None before that."""
    job = journey.job
    within_s = queue_wait_s(job, limits)
    slack_s = 0.0 if journey.cell is None else SLACK_S
    if job.lease is not None or now - job.waiting_since < within_s + slack_s:
        return None
    code, why = ErrorCode.QUEUE_TIMEOUT, f"no slot became free within {within_s:.0f} s"
    if job.error is not None and job.failures and job.error.code not in CLIENT_FAULTS:
        code, why = job.error.code, "an attempt failed and no other worker became free"
    return SupernetError(code, f"{why}: try again in {RETRY_S:.0f} s", retry_after_s=RETRY_S)


def no_worker(journey: Journey) -> SupernetError:
    """What is said of a job that no cell can take."""
    message = f"no worker serves {journey.job.spec.model} at the moment: try again later, or another model"
    return SupernetError(ErrorCode.NO_WORKER, message, retry_after_s=RETRY_S)


def cancel_s(limits: Limits) -> float:
    """Within so long a cell has ended a job whose client has left."""
    return limits.cancel_s + SLACK_S


def is_quiet(journey: Journey, now: float) -> bool:
    """Whether nothing was heard of the leg for a while, and the cell was not asked meanwhile."""
    return now - journey.heard_at >= QUIET_S and now - journey.asked_at >= QUIET_S
