"""What an attempt has made, on its way to the coordinator: who may upload it, and what follows.

It comes by HTTP and not as a frame. Once it is stored the job is finished, whatever becomes of its worker; only the
slot waits for the worker's Done. An attempt that the job has left, and one whose client has, may upload nothing.
"""

from hmac import compare_digest

from coordinator.artefact import Artefact
from coordinator.dispatch import ends, merits
from coordinator.dispatch.dispatch_state import State
from coordinator.dispatch.upload_tokens import token
from coordinator.scheduler.state import JobSpec, Lease
from coordinator.scheduler.workers import Worker
from wire.errors import SupernetError
from wire.job_state import JobState


def allowed(state: State, job: str, attempt: int, key: str) -> JobSpec | None:
    """The job of the attempt that may upload with this token now, or has already and has not said Done; None: nobody
    waits for it. A spec without an account is of a test: what it made is looked at, and not kept."""
    found = _running(state, job, attempt)
    if found is None:
        return None
    spec = found[1].spec
    if spec is None or not compare_digest(token(spec.upload_secret, attempt).encode(), key.encode()):
        return None
    return spec


def ended(state: State, job_id: str, attempt: int, artefact: Artefact | SupernetError, now: float) -> bool:
    """What the attempt made is verified and stored, and its job is finished. Or it may not be shown, by the operator's
    filter, or not be kept, as its client has no room: then the job fails for the reason that is given instead, and its
    worker did nothing wrong. False: nobody
    waits for it, or it is not the first of this attempt."""
    found = _running(state, job_id, attempt)
    if found is None or found[1].made:
        return False
    worker, lease = found
    job = state.current(lease)
    lease.made = True
    if job is not None:
        state.queue.served(job, now - lease.since)
        worker.finished += 1
        merits.proved(state, worker, lease, job, now)
        job.lease = None  # which stands until its worker says Done
        if isinstance(artefact, Artefact):
            ends.made(state, job, artefact, now)
        else:
            ends.fail(state, job, artefact, now)
    lease.since = now
    return True


def _running(state: State, job: str, attempt: int) -> tuple[Worker, Lease] | None:
    """The attempt, if somebody waits for what it makes: the job has not moved on, and its client has not left."""
    for worker in state.fleet.workers.values():
        lease = worker.leases.get((job, attempt))
        if lease is None:
            continue
        waited_for = lease.made or state.current(lease) is not None or state.quarantine.test(worker.key) is lease
        return (worker, lease) if waited_for and lease.state is JobState.RUNNING else None
    return None
