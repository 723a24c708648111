"""Free slots go to jobs that wait."""

from operator import ge

from coordinator.dispatch import leases, rests
from coordinator.dispatch.dispatch_state import State
from coordinator.dispatch.effects import Placed
from coordinator.scheduler import candidates
from coordinator.scheduler.placement import least_context
from coordinator.scheduler.state import Job
from coordinator.scheduler.workers import Worker


def place(state: State, model: str, now: float) -> None:
    """Give free slots to the jobs that wait for the model, in their order.

    A queue of long prompts that wait for the one worker with the context for them would be held against every other
    worker at every job's end: of those that need as much as one that found no slot, none is tried again.
    """
    fleet = state.fleet
    if not state.queue.count(model) or not candidates.any_open(fleet, model, now):
        return  # nearly always: this is asked at every heartbeat
    longest: dict[frozenset[str], int] = {}
    too_large: dict[frozenset[str], tuple[int, ...]] = {}  # what found no slot: those that need more find none either
    for job in state.queue.order(model):
        needs = job.work.needs
        if needs not in longest:
            longest[needs] = candidates.longest_context(fleet, model, job.work)
        size = (least_context(job.prompt, job.context, longest[needs]), *job.work.size)
        if any(less <= needs and all(map(ge, size, sizes)) for less, sizes in too_large.items()):
            continue
        if not job.starts and candidates.is_crowding(fleet, job.spec.account, model, now):
            return  # nor may those behind it have them: the order is that of the tokens served
        worker = candidates.choose_worker(fleet, job, now, state.queue.expected(job))
        if worker is not None:
            _start(state, job, worker, now)
            if not candidates.any_open(fleet, model, now):
                return
        elif not job.avoid and not job.witnesses:
            too_large[needs] = size


def count_move(state: State, job: Job) -> None:
    """Count and note that a job leaves its worker and goes on at another."""
    if job.delivered:
        state.counters.moved_in_stream += 1
    else:
        state.counters.moved_before_first_token += 1
    state.note("moved", job.worker or "", job.spec.id, f"{len(job.delivered)} tokens delivered")


def _start(state: State, job: Job, worker: Worker, now: float) -> None:
    state.queue.start(job)
    if job.lease is not None:  # its worker's socket dropped, and another has a free slot first
        lost = state.fleet.workers.get(job.lease.worker)
        if lost is not None:
            rests.handed_back(state, lost, job.lease, job, now)
        job.failures += 1
        state.fleet.release(job.lease)
        count_move(state, job)
    job.lease = lease = state.fleet.lease(worker, job, now)
    job.worker, job.error = worker.key, None
    job.placed_at = now if job.placed_at is None else job.placed_at
    state.counters.starts += 1
    leases.start(state, worker, job, lease.attempt)
    state.emit(Placed(job.spec.id, worker.key, lease.attempt))
