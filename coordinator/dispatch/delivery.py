"""What a client gets of an answer: each token once, in order, and counted here."""

from coordinator.dispatch import calls, silence
from coordinator.dispatch.dispatch_state import State
from coordinator.dispatch.effects import Deliver
from coordinator.scheduler.state import Job, Lease
from wire.messages import Delta


def deliver(state: State, job: Job, lease: Lease, delta: Delta, now: float) -> None:
    """Give the client the next delta of the attempt that serves its job."""
    book(job, lease, delta, now)
    state.counters.tokens += len(delta.tokens)
    state.queue.delivered(job)
    state.emit(Deliver(job.spec.id, delta, len(job.delivered)))


def book(job: Job, lease: Lease, delta: Delta, now: float) -> None:
    """Count what the client is given as the job's, and as its worker's."""
    job.delivered.extend(delta.tokens)
    if delta.tokens:
        job.served[lease.worker] = job.served.get(lease.worker, 0) + len(delta.tokens)
        job.reader = lease.worker
        job.read = lease.prompt or min(job.prompt, job.spec.prompt.most)
        if job.first_token_at is None:
            job.first_token_at = now
    silence.listen(job, lease, delta)
    calls.keep(job, delta)
