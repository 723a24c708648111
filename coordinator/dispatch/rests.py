"""Workers rest: after a fault with a client's job, and when an owner's workers give every job back without one."""

from coordinator.dispatch.dispatch_state import State
from coordinator.scheduler import candidates
from coordinator.scheduler.state import Job, Lease
from coordinator.scheduler.workers import Worker


def handed_back(state: State, worker: Worker, lease: Lease, job: Job, now: float) -> None:
    """The worker gave the job back in a way that is no fault: it had no room after all, it drains, its line broke. Each
    is believed, and this job avoids it. But whoever gives every job back, each after as many seconds as it may, has
    every client wait: with the fifth in a row of one owner, no job finished in between, the worker rests."""
    job.avoid.add(worker.incarnation)  # else it would go round and round while the others have no slot free
    if job.spec.account == worker.peer.account:
        return
    if worker.owner.has_handed_back(lease.since, now):
        state.note("hands every job back", worker.key, job.spec.id)
        fault(state, worker, now)


def blame(state: State, worker: Worker, job: Job, now: float) -> None:
    """The worker failed the job: it rests, and this job avoids it."""
    job.avoid.add(worker.incarnation)
    fault(state, worker, now, job.spec.model)


def fault(state: State, worker: Worker, now: float, model: str = "") -> None:
    """The worker failed a client: it rests, and if nothing is left of its owner's credit all workers of that owner."""
    if not rest(state, worker, now, model):
        return
    state.fleet.owners.failed(worker.peer.account)
    if not is_rest_of_its_owner(state, worker):
        return
    for other in list(state.fleet.workers.values()):
        if other is not worker and other.peer.account == worker.peer.account and state.quarantine.rest(other.key, now):
            state.note("worker rests", other.key, detail="with another one of its owner")


def fault_elsewhere(state: State, key: str, now: float) -> None:
    """A worker that is not here failed a client: it rests wherever it is or comes to; other replicas are told."""
    if state.quarantine.rest(key, now):
        state.counters.rests += 1
        state.fleet.owners.failed(key.rpartition("/")[0])
        state.note("worker rests", key, detail="in another cell, or away")


def heard(state: State, resting: list[str]) -> None:
    """Workers rest at other replicas: those of their owners that are here rest along, where an owner's do."""
    owners = {key.rpartition("/")[0] for key in resting}
    owners = {account for account in owners if state.fleet.of_account(account)}
    for worker in list(state.fleet.workers.values()) if owners else ():
        if worker.peer.account in owners and is_rest_of_its_owner(state, worker):
            state.quarantine.inherit(worker.key)


def is_rest_of_its_owner(state: State, worker: Worker) -> bool:
    """Whether the workers of its owner rest together: when the owner has no credit with clients, and others could serve
    them. Then to bring a new worker id is no way around a rest."""
    if worker.owner.credit:
        return False
    mine = frozenset({worker.peer.account})
    return any(candidates.is_owner_ready(state.fleet, model, mine) for model in worker.replicas)


def rest(state: State, worker: Worker, now: float, model: str = "") -> bool:
    """Give the worker no jobs for a while, and a test before it gets any. False if it rests already."""
    state.counters.rests += 1
    began = state.quarantine.rest(worker.key, now, model)
    worker.faults += 1
    state.note("worker rests", worker.key)
    return began
