"""What a finished job says of the worker that finished it, of its speed and of its owner."""

from coordinator.dispatch import testimony
from coordinator.dispatch.dispatch_state import State
from coordinator.scheduler import pace
from coordinator.scheduler.state import Job, Lease
from coordinator.scheduler.workers import Worker


def proved(state: State, worker: Worker, lease: Lease, job: Job, now: float) -> None:
    """A worker gave a client something for its job."""
    if state.quarantine.failures(worker.key):
        state.note("worker serves again", worker.key)
    state.quarantine.succeeded(worker.key, lease.model)
    state.fleet.proved(lease)
    replica = worker.replicas.get(lease.model)
    if replica is not None and not lease.held_up:
        pace.learn(replica, lease, job, now - lease.since, now)
    if job.spec.account != worker.peer.account:
        state.fleet.owners.finished(worker.peer.account)
        testimony.contradict(state, worker, job, now)
