"""What cells say of our jobs. Of a leg that is not the current one nothing counts, and its cell is told to stop."""

from collections.abc import Sequence

from coordinator.cluster.edge import booking, legs
from coordinator.cluster.edge.journey import Journey
from coordinator.cluster.edge.journeys import Journeys
from coordinator.cluster.protocol.ids import ReplicaId
from coordinator.cluster.protocol.messages import (
    Accepted,
    Ended,
    Event,
    Events,
    HandedBack,
    No,
    Placed,
    Still,
    ToEdge,
    Unheard,
    Unknown,
    Waits,
)
from coordinator.dispatch.effects import Effect, Made, Progressed
from coordinator.dispatch.outlook import QueuePosition
from wire.errors import ErrorCode
from wire.messages import Delta

GAP_S = 0.25  # between two questions for what is missing of one leg
# Errors by which one cell turns a job away that another may take.
OF_THE_CELL = frozenset({ErrorCode.NO_WORKER, ErrorCode.QUEUE_FULL, ErrorCode.SHUTTING_DOWN, ErrorCode.OVERLOADED})
MOST_TURNED_AWAY = 8  # by cells, of one job


def heard(table: Journeys, cell: ReplicaId, message: ToEdge, now: float) -> None:
    """A message of the lane from this cell."""
    match message:
        case Events():
            for job, leg, number, event in message.items:
                _event(table, cell, job, leg, number, event, now)
        case Waits():
            for job, leg, place, wait_s in message.items:
                if (journey := _current(table, cell, job, leg, now)) is not None:
                    journey.position = QueuePosition(place, wait_s)
        case Still():
            for job, leg in message.items:
                _current(table, cell, job, leg, now)
        case Unknown():
            for job, leg in message.items:
                journey = table.jobs.get(job)
                if journey is None or (journey.cell, journey.job.legs) != (cell, leg):
                    continue
                # One whose client has left is not waited for: should its cell hear of it only now, it is told to stop.
                if now >= journey.sure_at or journey.job.cancelled:
                    legs.lose(table, journey, "its cell does not know it", now)
        case No():
            if (journey := _current(table, cell, message.job, message.leg, now)) is not None:
                journey.job.error = message.error
                _turned_away(table, journey, "refused", now)


def _current(table: Journeys, cell: ReplicaId, job: str, leg: int, now: float) -> Journey | None:
    """The journey of which this is the current leg; None: it is over, and the cell is told so."""
    journey = table.jobs.get(job)
    if journey is None or (journey.cell, journey.job.legs) != (cell, leg):
        table.release(cell, job, leg)
        return None
    journey.heard_at, journey.lost_at = now, None
    return journey


def _event(
    table: Journeys, cell: ReplicaId, job: str, leg: int, number: int, event: Event | Unheard, now: float
) -> None:
    journey = _current(table, cell, job, leg, now)
    if journey is None or number < journey.next:
        return
    if number > journey.next:
        if now - journey.asked_at >= GAP_S:
            table.ask(journey, now)
        return
    journey.next += 1
    match event:
        case Delta() | Placed() | Accepted() | Progressed() | Made():
            table.count(journey)  # before its worker has the next word
            effects = _booked(journey, number, event, now)
            if effects is None:
                legs.lose(table, journey, "its cell says what cannot be", now)
                return
            for effect in effects:
                table.emit(effect)
        case Ended():
            _ended(table, journey, event, now)
        case HandedBack():
            _handed_back(table, journey, event, now)
        case Unheard():
            if not event.passes:
                legs.lose(table, journey, "its cell says what is not understood here", now)


def _booked(
    journey: Journey, number: int, event: Delta | Placed | Accepted | Progressed | Made, now: float
) -> Sequence[Effect] | None:
    match event:
        case Delta():
            journey.keep(event)
            return booking.step(journey, number, event, now)
        case Placed():
            journey.keep(event)
            return booking.placed(journey, event, now)
        case Accepted():
            journey.keep(event)
            return booking.accepted(journey, event, now)
        case Progressed():
            return booking.progressed(journey, event, now)
        case Made():
            return [] if journey.job.cancelled else [event]


def _ended(table: Journeys, journey: Journey, event: Ended, now: float) -> None:
    job = journey.job
    if event.kind == "stopped" and not job.cancelled:
        legs.lose(table, journey, "its cell took us for dead", now)
        return
    if event.error is not None and event.error.code in OF_THE_CELL and job.lease is None:
        job.error = event.error
        _turned_away(table, journey, "refused", now)
        return
    table.drop(journey)
    del table.jobs[journey.id]
    for effect in booking.ended(journey, event, now):
        table.emit(effect)


def _turned_away(table: Journeys, journey: Journey, why: str, now: float) -> None:
    """The cell does not take the job. So many do not, and there is no more looking for one."""
    job, cell = journey.job, journey.cell
    job.handbacks += 1
    table.counts.handbacks[why] += 1
    table.drop(journey)
    journey.leave(now)
    if job.cancelled:
        legs.stop(table, journey, now)
    elif job.handbacks > MOST_TURNED_AWAY and job.error is not None:
        legs.fail(table, journey, job.error, now)
    else:
        legs.look(table, journey, now, cell)


def _handed_back(table: Journeys, journey: Journey, event: HandedBack, now: float) -> None:
    job, counts = journey.job, event.tried
    if (counts.failures, counts.refusals) != (job.failures, job.refusals):  # else its worker is away, no more
        job.lease, job.waiting_since = None, now
    booking.tried(journey, counts)
    table.counts.handbacks[event.why] += 1
    legs.lose(table, journey, event.why, now, event.to)
