"""One job of ours that is in another cell, or on the way to one: all that its edge knows of it.

The edge is the truth: it has the tokens that the client was given, and how often the job was tried. A cell works on a
copy, under a number that only the edge raises, its leg.
"""

from collections import deque
from dataclasses import dataclass, field

from coordinator.cluster.protocol.answer import Answer
from coordinator.cluster.protocol.ids import ReplicaId
from coordinator.cluster.protocol.messages import Accepted, Placed, Submit
from coordinator.dispatch.outlook import QueuePosition
from coordinator.dispatch.so_far import SoFar
from coordinator.scheduler.state import Job, Lease
from wire.messages import Delta


@dataclass(frozen=True)
class Left:
    """An attempt that was left behind with its worker, who may still come back with more of it."""

    lease: Lease
    instance: str
    since: float


@dataclass
class Journey:
    """`job.lease` is the attempt that the cell works with, as far as it has told; `job.legs` the number of the leg."""

    job: Job
    cell: ReplicaId | None = None  # None: in none
    instance: str = ""  # the process of the worker of `job.lease`
    next: int = 0  # the number of the leg's next event
    untaken: deque[tuple[int, int, int]] = field(default_factory=deque)  # (event, attempt, frame): steps on the way
    told: tuple[int, int, int] = (0, 0, 0)  # what the cell was told is taken: event, attempt, frame
    counted: bool = False  # whether the cell knows how long the prompt is
    heard_at: float = 0.0  # when anything came of the leg
    asked_at: float = 0.0  # when the cell was asked for what is missing
    sure_at: float = 0.0  # until then the cell may not know yet that it has the leg
    lost_at: float | None = None  # since then the cell is dead; the attempt's worker may come to another
    route_at: float | None = None  # when a cell is looked for again
    but: ReplicaId | None = None  # and not this one
    left: Left | None = None
    cancelled_at: float | None = None  # when the cell was told that the client has left
    position: QueuePosition | None = None  # in the cell's queue, as it said last
    answer: Answer | None = None  # all that the client has; None: it does not stay

    @property
    def id(self) -> str:
        return self.job.spec.id

    @property
    def taken_events(self) -> int:
        """The client has taken all events below this number."""
        return self.untaken[0][0] if self.untaken else self.next

    @property
    def taken(self) -> tuple[int, int, int]:
        """What the client has taken: all events below, and of an attempt all frames below."""
        lease = self.job.lease
        return (self.taken_events, 0, 0) if lease is None else (self.taken_events, lease.attempt, lease.taken_seq)

    def take(self, attempt: int, frame: int, now: float) -> None:
        """The client has everything up to this frame of this attempt."""
        for lease in (self.job.lease, self.left.lease if self.left else None):
            if lease is not None and lease.attempt == attempt:
                lease.take(frame, now)
        while self.untaken and self.untaken[0][1:] <= (attempt, frame):
            self.untaken.popleft()

    def board(self, cell: ReplicaId, now: float) -> None:
        """Begin the next leg. Whatever is still said of the one before does not count."""
        self.job.legs += 1
        self.cell, self.next, self.told, self.position = cell, 0, (0, 0, 0), None
        self.counted = self.job.spec.prompt.counted
        self.untaken.clear()
        self.heard_at = self.asked_at = self.sure_at = now
        self.lost_at = self.route_at = self.but = None

    def leave(self, now: float) -> None:
        """The leg is over, and its worker has not brought the job along: to go on elsewhere is another attempt, and
        this one counts as failed. But its worker may have it back until another has given something."""
        lease, self.cell, self.lost_at, self.position = self.job.lease, None, None, None
        self.untaken.clear()
        if lease is not None:
            self.left = Left(lease, self.instance, now)
            self.job.lease, self.job.waiting_since = None, now
            self.job.failures += 1
            self.job.avoid.add((lease.worker, self.instance))

    def resume(self, worker: str, instance: str, attempt: int, frame: int) -> bool:
        """Make the attempt that this process of a worker has the one that runs, if nothing of it is missing: the one
        that the cell had, or the one that was left while no other has given anything. False: it is neither."""
        name = worker, instance, attempt
        left, lease = self.left, self.job.lease
        if lease is not None and (lease.worker, self.instance, lease.attempt) == name:
            return frame >= lease.next_seq
        if left is None or (left.lease.worker, left.instance, left.lease.attempt) != name:
            return False
        if frame < left.lease.next_seq:
            return False
        self.job.lease, self.instance, self.job.worker, self.left = left.lease, left.instance, worker, None
        self.job.failures -= 1
        self.job.avoid.discard((worker, instance))
        return True

    def submit(self, now: float) -> Submit:
        """What the cell of the leg is told."""
        return Submit(self.id, self.job.legs, self.job.spec, SoFar.of(self.job, now), self.so_much())

    def keep(self, event: Placed | Accepted | Delta) -> None:
        """Remember what the client was given, if its answer stays and is not too long."""
        if self.answer is not None and not self.answer.add(event):
            self.answer = None

    def so_much(self) -> tuple[Placed | Accepted | Delta, ...]:
        """What is remembered: for a cell that is to keep the whole answer."""
        events = self.answer.events if self.answer is not None else ()
        return tuple(event for event in events if isinstance(event, Placed | Accepted | Delta))
