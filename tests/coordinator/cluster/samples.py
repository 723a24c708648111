"""Jobs, deltas and an edge driven by hand, for the tests beside this file."""

from typing import Any, TypeVar

from coordinator.cluster.edge.itinerary import Itinerary
from coordinator.cluster.protocol.errands import Route, Tell
from coordinator.cluster.protocol.messages import Accepted, Event, Events, Placed, Unheard
from coordinator.dispatch.so_far import Tried
from coordinator.scheduler.state import JobSpec, Limits
from wire.chat import ChatRequest, Content, Message, Part
from wire.messages import Delta

T = TypeVar("T")
EDGE, CELL, OTHER = "eeeeeeee", "cccccccc", "dddddddd"
JOB = f"j.0.{EDGE}"
REQUEST = ChatRequest(messages=(Message(role="user", content="hello"),), max_tokens=1000)
SPEC = JobSpec(JOB, "client", "m", REQUEST, 7)
WORKER, PROCESS = "gpus/w1", "a"


def delta(text: str = "a", frame: int = 0, attempt: int = 1, job: str = JOB, parts: tuple[Part, ...] = ()) -> Delta:
    """One token for each character."""
    return Delta(
        job=job, attempt=attempt, seq=frame, tokens=tuple(map(ord, text)), parts=parts or (Content(text=text),)
    )


def placed(starts: int = 1, kept: int = 0, worker: str | None = WORKER, **tried: Any) -> Placed:
    return Placed(worker, PROCESS, starts, Tried(starts=starts, kept=kept, charged=5.0, **tried))


class Edge:
    """An itinerary with one job of its own, and what came of the last call."""

    def __init__(self, spec: JobSpec = SPEC, limits: Limits | None = None) -> None:
        self.itinerary = Itinerary(limits or Limits())
        self.now = 100.0
        self.number = 0
        self.out: list[Any] = self.itinerary.start(spec, CELL, self.now)

    @property
    def job(self) -> Any:
        return self.itinerary.jobs[JOB].job

    def hears(self, *events: Event | Unheard, cell: str = CELL, leg: int = 1, number: int | None = None) -> None:
        """The next events of the leg, or from this number on."""
        at = self.number if number is None else number
        self.number = at + len(events)
        items = tuple((JOB, leg, at + i, event) for i, event in enumerate(events))
        self.out = self.itinerary.heard(cell, Events(items), self.now)

    def streams(self, text: str = "abc", attempt: int = 1) -> None:
        """A worker has the job and gives this, a frame for each token."""
        self.hears(placed(starts=attempt), Accepted(attempt, 7))
        self.hears(*(delta(one, frame, attempt) for frame, one in enumerate(text)))

    def passes(self, seconds: float) -> None:
        """Time goes on in ticks; keeps all that comes of them."""
        out = []
        for _ in range(round(seconds / 0.25)):
            self.now += 0.25
            out += self.itinerary.tick(self.now)
        self.out = out

    def all(self, kind: type[T]) -> list[T]:
        return [one for one in self.out if isinstance(one, kind)]

    def one(self, kind: type[T]) -> T:
        found = self.all(kind)
        assert len(found) == 1, self.out
        return found[0]

    def told(self, kind: type[T], to: str = CELL) -> list[T]:
        """Messages of a kind to a cell."""
        return [one.message for one in self.all(Tell) if one.to == to and isinstance(one.message, kind)]

    def routes(self) -> list[Route]:
        return self.all(Route)
