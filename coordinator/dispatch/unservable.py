"""Why a new job cannot be served at all, however long it waits, told at once and with what is possible."""

from coordinator.dispatch import drain, testimony
from coordinator.dispatch.dispatch_state import State
from coordinator.scheduler import candidates
from coordinator.scheduler.state import Job
from wire.errors import ErrorCode, SupernetError

NO_WORKER_RETRY_S = 10.0
MOST_REASONS = 3


def why(state: State, job: Job, now: float, part: bool = False) -> SupernetError | None:
    """What the client is told; None: some worker can serve the job. `part`: as Dispatch.submit has it."""
    model = job.spec.model
    if state.drained or (state.drain_until is not None and not part):
        return drain.shutting_down("the coordinator is about to restart: try again in a moment")
    if not candidates.servable(state.fleet, model, now, job.work):
        state.counters.refused_no_worker += 1
        lacks = _lacks(state, job)
        if lacks:
            message = (
                f"no worker of {model} can do this at the moment: {lacks}. Ask for what can be done, or try again later"
            )
        else:
            message = f"no worker serves {model} at the moment: try again later, or another model"
        return SupernetError(ErrorCode.NO_WORKER, message, retry_after_s=NO_WORKER_RETRY_S)
    blocked_s = testimony.blocked_s(state, job, now)
    if blocked_s is not None:
        state.counters.poison_blocked += 1
        message = f"this request has crashed engines: it is not tried again for {blocked_s:.0f} s"
        return SupernetError(ErrorCode.POISON_REQUEST, message)
    return None


def _lacks(state: State, job: Job) -> str:
    """What those lack that serve the model, the largest first; nothing where none does."""
    replicas = [worker.replicas[job.spec.model] for worker in candidates.serving(state.fleet, job.spec.model)]
    present = sorted((replica for replica in replicas if replica.slots), key=lambda replica: replica.size, reverse=True)
    reasons = dict.fromkeys(lack for replica in present if (lack := job.work.lacks(replica.offer)) is not None)
    return ", or ".join(list(reasons)[:MOST_REASONS])
