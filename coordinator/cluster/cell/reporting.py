"""What dispatch says of a job, as its edge is told of it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from coordinator.cluster.cell.lodger import Lodger
from coordinator.cluster.protocol.errands import Tell
from coordinator.cluster.protocol.ids import ReplicaId
from coordinator.cluster.protocol.messages import (
    MAX_EVENTS,
    Accepted,
    Ended,
    Event,
    EventItem,
    Events,
    HandedBack,
    Placed,
    Waits,
)
from coordinator.dispatch import effects as says
from coordinator.dispatch.dispatch import Dispatch
from coordinator.dispatch.so_far import Tried


def event_of(effect: says.JobEvent, dispatch: Dispatch) -> Event | None:
    """The event; None: it has been overtaken by what follows in the same call."""
    match effect:
        case says.Deliver():
            return effect.delta
        case says.Placed():
            return _placed(dispatch, effect.job, effect.worker, effect.attempt)
        case says.Queued():
            return _placed(dispatch, effect.job, None, 0)
        case says.Accepted():
            return _accepted(dispatch, effect)
        case says.Progressed() | says.Made():
            return effect
        case says.Handback():
            return HandedBack(effect.so_far.tried, effect.why)
        case says.Finished():
            report = effect.report
            return Ended("finished", report.attempts, report.usage, report.timings, effect.finish_reason, effect.stop)
        case says.Failed():
            report = effect.report
            return Ended("failed", report.attempts, report.usage, report.timings, error=effect.error)
        case says.Stopped():
            return Ended("stopped", effect.report.attempts, effect.report.usage, effect.report.timings)


def _placed(dispatch: Dispatch, job_id: str, worker: str | None, attempt: int) -> Placed | None:
    job = dispatch.job(job_id)
    if job is None:
        return None
    return Placed(worker, "" if worker is None else dispatch.process(worker), attempt, Tried.of(job))


def _accepted(dispatch: Dispatch, effect: says.Accepted) -> Accepted:
    job = dispatch.job(effect.job)
    lease = None if job is None else job.lease
    return Accepted(effect.attempt, 0 if lease is None or lease.attempt != effect.attempt else lease.prompt)


def waits(lodgers: Iterable[Lodger], dispatch: Dispatch) -> list[Tell]:
    """Where those that wait stand in our queue."""
    told: dict[ReplicaId, list[tuple[str, int, int, float]]] = defaultdict(list)
    for lodger in lodgers:
        position = dispatch.queue_position(lodger.spec.id) if lodger.ended_at is None and lodger.is_told else None
        if position is not None:
            told[lodger.edge].append((lodger.spec.id, lodger.leg, position.place, position.wait_s))
    return [Tell(edge, Waits(tuple(items))) for edge, items in told.items()]


def events(edge: ReplicaId, items: Sequence[EventItem]) -> list[Tell]:
    """Events for an edge, in messages that are not too long."""
    return [Tell(edge, Events(tuple(items[at : at + MAX_EVENTS]))) for at in range(0, len(items), MAX_EVENTS)]
