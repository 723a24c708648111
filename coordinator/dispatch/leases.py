"""What a worker is told of an attempt: begin, stop, and how much of it the client has taken."""

from collections.abc import Iterable

from coordinator.dispatch import blobs
from coordinator.dispatch.dispatch_state import State
from coordinator.dispatch.upload_tokens import offered
from coordinator.scheduler.state import Job, Lease
from coordinator.scheduler.workers import Worker
from wire.job_state import JobMessage, JobState, advance
from wire.messages import Ack, AckItem, Cancel, Cancelled, Done, Failed, Refused, Start

AttemptEnd = Refused | Done | Failed | Cancelled  # frames by which a worker frees the slot of an attempt


def start(state: State, worker: Worker, job: Job, attempt: int) -> None:
    """Send the job to the worker, with the tokens that the client has already: the worker goes on from there."""
    spec = job.spec
    message = Start(
        job=spec.id,
        attempt=attempt,
        model=spec.model,
        request=spec.request,
        seed=spec.seed,
        delivered=tuple(job.delivered),
        traceparent=spec.trace,
        upload=offered(spec, attempt),
    )
    state.send(worker, message)


def cancel(state: State, worker: Worker, lease: Lease, now: float) -> None:
    """Ask for the slot back; it stays leased until the worker frees it. A lease that was cancelled is not asked for
    again."""
    if lease.state in (JobState.OFFERED, JobState.RUNNING):
        lease.state = advance(lease.state, JobMessage.CANCEL)
        lease.since = now
        blobs.stop(state, worker, lease)
        state.send(worker, Cancel(job=lease.job, attempt=lease.attempt))


def acknowledge(state: State, worker: Worker, leases: Iterable[Lease], now: float) -> None:
    """Tell the worker what the clients have taken: its window opens, its replay buffer shrinks."""
    behind = [lease for lease in leases if lease.taken_seq > lease.acked_seq and state.current(lease)]
    for lease in behind:
        lease.acked_seq, lease.acked_at = lease.taken_seq, now
    if behind:
        items = tuple(AckItem(job=x.job, attempt=x.attempt, next_seq=x.acked_seq) for x in behind)
        state.send(worker, Ack(items=items))
