"""How a leg begins and ends, and a journey with it."""

from coordinator.cluster.edge.journey import Journey
from coordinator.cluster.edge.journeys import Journeys
from coordinator.cluster.protocol.errands import Route
from coordinator.cluster.protocol.ids import ReplicaId
from coordinator.cluster.protocol.messages import Cancel
from coordinator.dispatch import ends
from coordinator.dispatch.effects import Stopped
from coordinator.dispatch.failover import tried_enough
from wire.errors import ErrorCode, SupernetError


def begin(table: Journeys, journey: Journey, cell: ReplicaId, why: str, now: float) -> None:
    """The job goes to this cell."""
    journey.board(cell, now)
    table.counts.legs[why] += 1
    table.tell(cell, journey.submit(now))


def look(
    table: Journeys, journey: Journey, now: float, but: ReplicaId | None = None, to: ReplicaId | None = None
) -> None:
    """The job is in no cell, and wants one."""
    journey.route_at, journey.but = now, but
    table.emit(Route(journey.id, but, to))


def lose(table: Journeys, journey: Journey, why: str, now: float, to: ReplicaId | None = None) -> None:
    """The leg is over without an end, and the job goes on elsewhere with what its client has. The edge counts what was
    tried, here as everywhere: a cell that dies takes an attempt with it, and so many are enough."""
    cell = journey.cell
    table.drop(journey)
    table.note("lost its cell", journey, why)
    journey.leave(now)
    go_on(table, journey, now, cell, to)


def go_on(
    table: Journeys, journey: Journey, now: float, but: ReplicaId | None = None, to: ReplicaId | None = None
) -> None:
    """The job has left a cell: it wants another, unless enough was tried."""
    if journey.job.cancelled:
        stop(table, journey, now)
    elif tried_enough(journey.job, table.limits):
        code = ErrorCode.WORKER_LOST if journey.job.error is None else journey.job.error.code
        message = f"{journey.job.starts} attempts failed, the last one with {code}: try again later"
        fail(table, journey, SupernetError(code, message), now)
    else:
        look(table, journey, now, but, to)


def fail(table: Journeys, journey: Journey, error: SupernetError, now: float) -> None:
    """The job ends here, whatever its cell does with it."""
    if journey.job.cancelled:
        stop(table, journey, now)
        return
    _forget(table, journey)
    for event in ends.last_words(journey.job, error, now):
        table.emit(event)


def revoke(table: Journeys, journey: Journey, now: float) -> None:
    """The key that asked for the job is not good any more."""
    fail(table, journey, ends.revoked(), now)


def stop(table: Journeys, journey: Journey, now: float) -> None:
    """The client has left, and there is no cell to wait for."""
    _forget(table, journey)
    table.emit(Stopped(journey.id, ends.report(journey.job, now)))


def _forget(table: Journeys, journey: Journey) -> None:
    del table.jobs[journey.id]
    if journey.cell is not None:
        table.tell(journey.cell, Cancel(journey.id, journey.job.legs))
