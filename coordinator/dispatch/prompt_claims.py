"""How far a worker is believed that says how long a prompt was: no further than it was counted here, or can be."""

from coordinator.dispatch import rests
from coordinator.dispatch.claims import clamped, far_above
from coordinator.dispatch.dispatch_state import State
from coordinator.scheduler.state import Job, Lease
from coordinator.scheduler.workers import Worker
from wire.chat import Usage


def most_prompt(worker: Worker, lease: Lease, job: Job) -> int:
    """The most prompt tokens that a worker is believed: those of the request, and of its own slot."""
    replica = worker.replicas.get(lease.model)
    return job.spec.prompt.most if replica is None else min(replica.context, job.spec.prompt.most)


def believed(state: State, worker: Worker, lease: Lease, job: Job, claimed: Usage, now: float) -> Usage:
    """What the worker says that it used, with no more prompt tokens than there can have been. A worker that claims far
    more than we counted, and not for the first time, rests: no version of a tokeniser makes such a difference."""
    prompt = job.spec.prompt
    if prompt.counted and far_above(claimed.prompt, prompt.most):
        state.counters.overclaims += 1
        lease.overclaimed = True
        detail = f"{claimed.prompt} tokens of prompt claimed, {prompt.most} counted at most"
        state.note("claim not believed", worker.key, job.spec.id, detail)
        if state.fleet.owners.was_wrong(worker.peer.account):
            rests.fault(state, worker, now)
    return clamped(claimed, most_prompt(worker, lease, job))
