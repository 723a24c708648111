"""The table of our jobs that are elsewhere, and what follows from the call under way. The files beside it are functions
over this table; only `Itinerary` makes one."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from coordinator.cluster.edge.journey import Journey
from coordinator.cluster.protocol.errands import Route, Tell
from coordinator.cluster.protocol.ids import ReplicaId
from coordinator.cluster.protocol.messages import MAX_JOBS, Counted, Release, Resync, Taken, ToCell
from coordinator.dispatch.effects import Effect, Noted
from coordinator.scheduler.state import Limits

Out = Effect | Tell | Route


@dataclass
class Travels:
    """What happened to our jobs on their way. The counters only grow."""

    legs: Counter[str] = field(default_factory=Counter)  # begun in other cells, by why
    handbacks: Counter[str] = field(default_factory=Counter)  # by why
    reclaimed: int = 0
    resyncs: int = 0


@dataclass
class Journeys:
    """Jobs by id. What is for a cell's lane as a list (releases, what was taken) is told once a call, at its end."""

    limits: Limits
    jobs: dict[str, Journey] = field(default_factory=dict)
    counts: Travels = field(default_factory=Travels)
    _out: list[Out] = field(default_factory=list)
    _released: dict[ReplicaId, list[tuple[str, int]]] = field(default_factory=lambda: defaultdict(list))
    _taken: dict[ReplicaId, list[Journey]] = field(default_factory=lambda: defaultdict(list))
    _asked: dict[ReplicaId, list[Journey]] = field(default_factory=lambda: defaultdict(list))

    def at(self, cell: ReplicaId) -> list[Journey]:
        """Those that are in this cell, or were when it died."""
        return [journey for journey in self.jobs.values() if journey.cell == cell]

    def emit(self, effect: Effect | Route) -> None:
        self._out.append(effect)

    def note(self, event: str, journey: Journey, detail: str = "") -> None:
        """A line of the operator's log."""
        self._out.append(Noted(event, journey.job.worker or "", journey.id, detail))

    def tell(self, cell: ReplicaId, message: ToCell) -> None:
        self._out.append(Tell(cell, message))

    def release(self, cell: ReplicaId, job: str, leg: int) -> None:
        """The cell is to stop: this leg is over, or never was ours."""
        self._released[cell].append((job, leg))

    def drop(self, journey: Journey) -> None:
        """Its cell is to stop."""
        if journey.cell is not None:
            self.release(journey.cell, journey.id, journey.job.legs)

    def took(self, journey: Journey) -> None:
        """The cell is to hear what the client has taken."""
        if journey.cell is not None:
            self._taken[journey.cell].append(journey)

    def count(self, journey: Journey) -> None:
        """The cell is to hear how long the prompt is, if it was counted since: it judges its workers by that."""
        prompt = journey.job.spec.prompt
        if prompt.counted and not journey.counted and journey.cell is not None:
            journey.counted = True
            self.tell(journey.cell, Counted(journey.id, journey.job.legs, prompt.most))

    def ask(self, journey: Journey, now: float) -> None:
        """The cell is to send what is missing of the leg, or to say that it has it still."""
        if journey.cell is not None:
            journey.asked_at = now
            self._asked[journey.cell].append(journey)

    def ask_all(self, cell: ReplicaId, now: float) -> None:
        """The cell is to send whatever is missing, and to stop all that is not listed."""
        journeys = self.at(cell)
        for journey in journeys:
            journey.asked_at, journey.counted = now, False  # that may have been lost, too
        self.counts.resyncs += 1
        self._asked.pop(cell, None)
        self.tell(cell, _resync(journeys[:MAX_JOBS], whole=len(journeys) <= MAX_JOBS))

    def flush(self) -> list[Out]:
        """All that follows, in order: often nothing. Legs that are over come first: the next may begin in the same
        cell."""
        if not (self._out or self._released or self._asked or self._taken):
            return []
        out: list[Out] = [Tell(cell, Release(tuple(released[:MAX_JOBS]))) for cell, released in self._released.items()]
        out += self._out
        for cell, journeys in self._asked.items():
            self.counts.resyncs += 1
            out.append(Tell(cell, _resync(journeys[:MAX_JOBS], whole=False)))
        for cell, journeys in self._taken.items():
            out.append(Tell(cell, _taken(journeys[:MAX_JOBS])))
        for told in (self._out, self._released, self._asked, self._taken):
            told.clear()
        return out


def _taken(journeys: list[Journey]) -> Taken:
    items = []
    for journey in journeys:
        journey.told = journey.taken
        items.append((journey.id, journey.job.legs, *journey.told))
    return Taken(tuple(items))


def _resync(journeys: list[Journey], whole: bool) -> Resync:
    items = tuple((journey.id, journey.job.legs, journey.next) for journey in journeys)
    return Resync(items, _taken(journeys), whole)
