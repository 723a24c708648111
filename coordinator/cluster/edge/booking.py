"""What a cell says of a job, booked on the edge's own record: the tokens, who made them, how often it was tried.

The same functions count here and in dispatch, so a bill is the same wherever a job ran. A cell is believed what it says
of its workers; of tokens count those that the client was given here.
"""

from coordinator.cluster.edge.journey import Journey
from coordinator.cluster.protocol.messages import Accepted, Ended, Placed
from coordinator.dispatch import claims, delivery, ends, making, silence
from coordinator.dispatch import effects as told
from coordinator.dispatch.calls import begun_by
from coordinator.dispatch.so_far import Tried
from coordinator.scheduler.state import Lease
from wire.job_state import JobState
from wire.messages import Delta


def placed(journey: Journey, event: Placed, now: float) -> list[told.Effect]:
    """A worker has the job, or it waits again."""
    job = journey.job
    tried(journey, event.tried)
    journey.position = None
    if event.worker is None:
        if job.lease is not None:
            job.lease, job.waiting_since = None, now
        return []
    lease = Lease(journey.id, event.attempt, event.worker, job.spec.model, job.spec.account, now, spec=job.spec)
    lease.last_progress_at = now
    job.lease, journey.instance = lease, event.instance
    job.worker, job.error = event.worker, None
    job.placed_at = now if job.placed_at is None else job.placed_at
    return [told.Placed(journey.id, event.worker, event.attempt)]


def tried(journey: Journey, counts: Tried) -> None:
    """How often the job was tried, as its cell counted. Tokens that said nothing may be taken back with it."""
    job = journey.job
    if job.worker is not None:
        silence.keep(job, job.worker, counts.kept)
    counts.put_on(job)


def accepted(journey: Journey, event: Accepted, now: float) -> list[told.Effect]:
    """The worker has begun, or has come back to its cell."""
    lease = journey.job.lease
    if lease is None or lease.attempt != event.attempt:
        return []
    if not lease.accepted:  # else its worker has come back, and its stall is as old as before
        lease.last_progress_at = now
    lease.state, lease.accepted, lease.prompt = JobState.RUNNING, True, event.prompt or lease.prompt
    return [] if journey.job.cancelled else [told.Accepted(journey.id, event.attempt)]


def step(journey: Journey, number: int, delta: Delta, now: float) -> list[told.Effect] | None:
    """Something new for the client. None: no honest cell says this."""
    job = journey.job
    if delta.job != journey.id:
        return None
    if job.cancelled:
        return []
    lease = job.lease if job.lease is not None and job.lease.attempt == delta.attempt else None
    if delta.tokens:
        if lease is None or len(job.delivered) + len(delta.tokens) > job.work.tokens:
            return None
        journey.left = None  # whoever comes back now is too late
    if lease is not None:
        lease.received(delta.seq, len(delta.tokens), now)
        lease.size_bytes += claims.size_bytes(delta)
        job.calls |= begun_by(delta)
        delivery.book(job, lease, delta, now)
    journey.untaken.append((number, delta.attempt, delta.seq))
    return [told.Deliver(journey.id, delta, len(job.delivered))]


def progressed(journey: Journey, event: told.Progressed, now: float) -> list[told.Effect]:
    """How far it is that is made."""
    job, lease = journey.job, journey.job.lease
    if lease is not None:
        lease.stage, lease.percent, lease.last_progress_at = event.stage, event.percent, now
        if event.stage != "loading" and lease.began_at is None:
            lease.began_at, journey.left = now, None
    return [event] if making.is_ahead(job, event) and not job.cancelled else []


def ended(journey: Journey, event: Ended, now: float) -> list[told.Effect]:
    """The job's one end, by the edge's own count."""
    job = journey.job
    job.starts = max(job.starts, event.attempts)
    if job.worker is not None:
        silence.keep(job, job.worker, event.usage.completion)
    usage = claims.clamped(event.usage, job.spec.prompt.most)
    report = ends.report(job, now, usage, event.timings)
    if job.cancelled or event.kind == "stopped":
        return [told.Stopped(journey.id, report)]
    if event.error is not None and event.kind == "failed":
        return [told.Failed(journey.id, event.error, report)]
    return [told.Finished(journey.id, event.finish_reason, report, event.stop)]
