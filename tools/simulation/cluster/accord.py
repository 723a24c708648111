"""What a job's cell knows of it and its edge does not, or the other way round. On the way is always something; what
differs for long, where both are there and hear each other, is a fault, whether or not it has done any harm yet."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from coordinator.cluster.cell.lodger import Lodger
from coordinator.cluster.edge.journey import Journey
from coordinator.scheduler.state import Job

if TYPE_CHECKING:
    from tools.simulation.cluster.member import Member
    from tools.simulation.world import World

LOOK_S = 1.0
LONG_S = 6.0  # what was lost is missed and told again long before

Difference = tuple[str, str, int, str, object, object]  # cell, job, leg, of what, as the edge has it, and as the cell


class Accord:
    """Looks at all jobs that are in another cell than their client's, every LOOK_S."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._since: dict[Difference, float] = {}
        world.timeline.after(LOOK_S, self._look)

    def _look(self) -> None:
        now = self._world.timeline.now
        before = self._since
        self._since = {one: before.get(one, now) for one in self._differences()}
        for one, since in self._since.items():
            if now - since >= LONG_S and now - since < LONG_S + LOOK_S:
                self._world.history.note("no accord", *one)
        self._world.timeline.after(LOOK_S, self._look)

    def _differences(self) -> Iterator[Difference]:
        members = {member.id: member for member in self._world.members if not member.frozen}
        for edge in members.values():
            for name, journey in journeys(edge):
                cell = members.get(journey.cell or "")
                if cell is None or journey.job.cancelled or not self._hear_each_other(edge, cell):
                    continue
                for what, ours, theirs in _between(journey, *_lodged(cell, name)):
                    yield cell.where, name, journey.job.legs, what, ours, theirs

    def _hear_each_other(self, edge: "Member", cell: "Member") -> bool:
        return self._world.bus.is_open(edge, cell) and self._world.bus.is_open(cell, edge)


def journeys(edge: "Member") -> list[tuple[str, Journey]]:
    """The jobs of its clients that are in other cells, or on the way to one."""
    return list(edge.replica.jobs.itinerary.jobs.items())


def _lodged(cell: "Member", job: str) -> tuple[Lodger | None, Job | None]:
    """A job of another replica's client in this cell, and what its dispatch has of it."""
    lodger = cell.replica.jobs.lodging.lodgers.get(job)
    return lodger, None if lodger is None or lodger.ended_at is not None else cell.replica.dispatch.job(job)


def _between(journey: Journey, lodger: Lodger | None, there: Job | None) -> Iterator[tuple[str, object, object]]:
    here = journey.job
    if lodger is None or lodger.leg != here.legs:
        yield "leg", here.legs, None if lodger is None else lodger.leg
        return
    if lodger.next < journey.next or (lodger.untaken and lodger.untaken[0][0] > journey.next):
        yield "events", journey.next, (lodger.next, len(lodger.untaken))
    if there is None:
        return
    if _tries(here) != _tries(there):
        yield "tries", _tries(here), _tries(there)
    one, other = here.lease, there.lease
    if one is not None and other is not None and one.attempt == other.attempt and one.taken_seq != other.taken_seq:
        yield "taken", one.taken_seq, other.taken_seq


def _tries(job: Job) -> tuple[int, ...]:
    return job.starts, job.failures, job.refusals, job.crashes
