"""One job of another edge in our cell: what happened to it, numbered, until its edge has taken that."""

from collections import deque
from dataclasses import dataclass, field

from coordinator.cluster.protocol.answer import Answer
from coordinator.cluster.protocol.ids import ReplicaId
from coordinator.cluster.protocol.messages import Event, HandedBack
from coordinator.dispatch.effects import Progressed
from coordinator.scheduler.state import JobSpec
from wire.messages import WINDOW_TOKENS, Delta

MOST_PROGRESS = 8  # that one edge has not taken: more of it is of no use, the newest counts


@dataclass
class Lodger:
    spec: JobSpec
    edge: ReplicaId
    leg: int
    submitted: float  # by our clock
    next: int = 0  # the number of the next event
    untaken: deque[tuple[int, Event]] = field(default_factory=deque)
    progress: int = 0  # of them, how many only say how far it is
    answer: Answer | None = None  # all of it from its beginning, if it stays
    ended_at: float | None = None  # it is not in dispatch any more
    lost_at: float | None = None  # its edge is gone
    stays_alone: bool = False  # and will not come back: nobody takes what comes but we
    unasked: bool = False  # it has a new edge, which has asked for nothing yet
    moved_at: float = 0.0
    behind: bool = False  # and is still being told what was before it
    sent: int = 0  # of that, what is below this number

    @property
    def is_told(self) -> bool:
        """Whether its edge hears of what happens as it happens."""
        return self.lost_at is None and not self.behind

    def happens(self, event: Event) -> int | None:
        """Keep the next event; returns its number. None: too much of its kind is on the way."""
        if isinstance(event, HandedBack):
            self.answer = None  # it is in another cell from now on
        if isinstance(event, Progressed):
            if self.progress >= MOST_PROGRESS:
                return None
            self.progress += 1
        elif self.answer is not None and not self.answer.add(event):
            self.answer = None
        number, self.next = self.next, self.next + 1
        if not self.stays_alone:
            self.untaken.append((number, event))
        return number

    def taken(self, below: int) -> None:
        """The edge needs no event below this number again."""
        while self.untaken and self.untaken[0][0] < below:
            self.progress -= isinstance(self.untaken.popleft()[1], Progressed)

    def due(self, wanted: int) -> list[tuple[int, Event]]:
        """The events from `wanted` on that the edge may have now. One that is told an answer from its beginning has a
        window of it at a time: its client reads as fast as any, and what waits for a client is bounded."""
        if not self.behind:
            return [(number, event) for number, event in self.untaken if number >= wanted]
        tokens, due = 0, list[tuple[int, Event]]()
        for number, event in self.untaken:
            tokens += len(event.tokens) if isinstance(event, Delta) else 0
            if tokens > WINDOW_TOKENS and number != self.untaken[0][0]:
                return due
            self.sent = max(self.sent, number + 1)
            if number >= wanted:
                due.append((number, event))
        self.behind = False
        return due

    def moves_to(self, edge: ReplicaId, now: float) -> None:
        """Another edge has it, and hears the whole answer from its first event on."""
        self.edge, self.leg, self.lost_at, self.stays_alone, self.unasked = edge, self.leg + 1, None, False, True
        self.behind, self.sent, self.moved_at = True, 0, now
        self.untaken = deque(enumerate(self.answer.events if self.answer else ()))
        self.next, self.progress = len(self.untaken), 0
