"""What edge and cell say to each other of jobs. The edge of a job has its client's connection and its delivered tokens,
its cell has the worker; `news.py` is what every replica tells all others.

Everything that a cell says of a job is numbered within its leg: the edge takes event n only if n is next, and the cell
keeps each until it was taken. So nothing depends on a message's arrival, or on its order among those of other jobs.
"""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from coordinator.artefact import Artefact
from coordinator.cluster.protocol.ids import Leg, ReplicaId
from coordinator.cluster.protocol.news import News
from coordinator.dispatch.effects import Made, Progressed
from coordinator.dispatch.so_far import Age, AnError, Chars, Name, SoFar, Tried
from coordinator.scheduler.state import JobSpec
from wire.chat import FinishReason, Timings, TokenCount, Usage
from wire.messages import MAX_RESUMED, Delta
from wire.scalars import AttemptNumber, Count, Id

BUS_VERSION = 2
MAX_EVENTS = 4096  # of one message
MAX_JOBS = 8192  # that one message speaks of
MAX_FILES_BYTES = 16 * 1024 * 1024  # of a job that crosses; one with more runs in its edge's own cell, or nowhere
MAX_MESSAGE_BYTES = 2 * MAX_FILES_BYTES  # the files, and a request with all tokens that were delivered of it


def crosses(spec: JobSpec) -> bool:
    """Whether the job's files are small enough for the bus."""
    return sum(map(len, spec.blobs.values())) <= MAX_FILES_BYTES


# ---- events of a job, cell to edge, numbered from 0 within a leg -----------------------------------------------------


@dataclass(frozen=True)
class Placed:
    """A worker was asked to serve the job; without a worker: it waits again. The counts go along each time: when the
    cell dies, the edge must know how often the job was tried."""

    worker: Name | None
    instance: Name
    attempt: Count
    tried: Tried


@dataclass(frozen=True)
class Accepted:
    """The worker has prepared the request. `prompt`: its tokens, as far as the worker is believed; 0: not said."""

    attempt: AttemptNumber
    prompt: TokenCount


@dataclass(frozen=True)
class Ended:
    """The job has ended in its cell. The edge counts tokens by itself: `usage` may say that fewer count, never more."""

    kind: Literal["finished", "failed", "stopped"]
    attempts: Count
    usage: Usage
    timings: Timings = field(default_factory=Timings)
    finish_reason: FinishReason = "stop"
    stop: Chars | None = None
    error: AnError | None = None  # of one that failed


@dataclass(frozen=True)
class HandedBack:
    """The cell gives the job up and another may go on. `to`: the cell that should have it, if this one knows."""

    tried: Tried
    why: Chars
    to: ReplicaId | None = None


@dataclass(frozen=True)
class Unheard:
    """What is none of the others, of a later version or broken: it takes no other event along. A new kind that
    may be passed over where it is not known says `passes`; without any other the job cannot go on there."""

    passes: bool = False


# A Delta is something new for the client, in its worker's words. Which kind an event is, its fields say: none has all
# that another must have, so the first that fits is the right one, and the last one always does.
Event = Delta | Placed | Accepted | Ended | Progressed | Made | HandedBack
AnEvent = Annotated[Event | Unheard, Field(union_mode="left_to_right")]
EventItem = tuple[Id, Leg, Count, AnEvent]  # (job, leg, number, event)
Answer = Annotated[tuple[Placed | Accepted | Delta, ...], Field(max_length=MAX_EVENTS)]  # what a client has of a job


# ---- lane: edge to cell ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Submit:
    """Run this. A higher leg of a known job replaces the older. `answer`: of a job whose client may come back for its
    answer, what it was given by cells before."""

    job: Id
    leg: Leg
    spec: JobSpec
    so_far: SoFar
    answer: Answer = ()


@dataclass(frozen=True)
class Counted:
    """How many tokens the job's prompt has: it was counted after its leg began, and no worker is believed more."""

    job: Id
    leg: Leg
    prompt: TokenCount


@dataclass(frozen=True)
class Cancel:
    """The client has left: the job ends as stopped."""

    job: Id
    leg: Leg


@dataclass(frozen=True)
class Release:
    """This leg, and any before it, is over for the edge: it goes on elsewhere, or has ended. Nothing more is wanted."""

    items: Annotated[tuple[tuple[Id, Leg], ...], Field(max_length=MAX_JOBS)]


@dataclass(frozen=True)
class Taken:
    """What clients have taken: (job, leg, event, attempt, frame), all below each number. It opens the worker's window.
    The frame is the worker's own: some may have been given by the cell that it was in before."""

    items: Annotated[tuple[tuple[Id, Leg, Count, Count, Count], ...], Field(max_length=MAX_JOBS)]


@dataclass(frozen=True)
class Resync:
    """Send again from `next` on: (job, leg, next), and what was taken. `whole`: these are all jobs of the edge here."""

    items: Annotated[tuple[tuple[Id, Leg, Count], ...], Field(max_length=MAX_JOBS)]
    taken: Taken = field(default_factory=lambda: Taken(()))
    whole: bool = False


# ---- lane: cell to edge ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Events:
    """What happened to jobs of one edge in one turn."""

    items: Annotated[tuple[EventItem, ...], Field(max_length=MAX_EVENTS)]


@dataclass(frozen=True)
class Waits:
    """Places in the cell's queue, once a second: (job, leg, place, seconds). Not numbered: the newest counts."""

    items: Annotated[tuple[tuple[Id, Leg, Count, Age], ...], Field(max_length=MAX_JOBS)]


@dataclass(frozen=True)
class Still:
    """The cell has these legs, and nothing new of them."""

    items: Annotated[tuple[tuple[Id, Leg], ...], Field(max_length=MAX_JOBS)]


@dataclass(frozen=True)
class Unknown:
    """The cell was asked for these legs and has them not: their Submit was lost, or they have been dropped."""

    items: Annotated[tuple[tuple[Id, Leg], ...], Field(max_length=MAX_JOBS)]


@dataclass(frozen=True)
class No:
    """The cell does not take the leg."""

    job: Id
    leg: Leg
    error: AnError


# ---- asks: a question and its answer ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reclaim:
    """A worker has come to this cell with attempts of your jobs: (job, attempt, the number of its next new frame)."""

    worker: Name
    instance: Name
    items: Annotated[tuple[tuple[Id, AttemptNumber, Count], ...], Field(max_length=MAX_RESUMED)]


@dataclass(frozen=True)
class Kept:
    """A job that goes on in the cell that asked, under a new leg; its attempt is in `so_far`."""

    job: Id
    leg: Leg
    spec: JobSpec
    so_far: SoFar
    answer: Answer = ()


@dataclass(frozen=True)
class Reclaimed:
    """The answer to Reclaim. What is not in it is over for the worker."""

    jobs: Annotated[tuple[Kept, ...], Field(max_length=MAX_RESUMED)] = ()


@dataclass(frozen=True)
class Attach:
    """The edge of this job is gone, and its client has come back to me with its Idempotency-Key."""

    job: Id
    account: Name


@dataclass(frozen=True)
class Attached:
    """The answer to Attach: the job under a new leg, whose events come from number 0 on. No spec: it is not here."""

    leg: Count = 0
    spec: JobSpec | None = None
    age_s: Age = 0.0


@dataclass(frozen=True)
class Upload:
    """Which job may upload what it made, with this token? Asked at its edge, which asks its cell."""

    job: Id
    attempt: AttemptNumber
    token: Chars


@dataclass(frozen=True)
class MayUpload:
    """The answer to Upload: the job's spec, without its files; none: nobody waits for it."""

    spec: JobSpec | None = None


@dataclass(frozen=True)
class Uploaded:
    """What the attempt made is stored, or may not be kept for this reason: exactly one of the two."""

    job: Id
    attempt: AttemptNumber
    artefact: Artefact | None = None
    error: AnError | None = None


@dataclass(frozen=True)
class Counts:
    """The answer to Uploaded. `kept` False: it came too late and must not be kept."""

    kept: bool


ToCell = Submit | Counted | Cancel | Release | Taken | Resync
ToEdge = Events | Waits | Still | Unknown | No
Question = Reclaim | Attach | Upload | Uploaded
Reply = Reclaimed | Attached | MayUpload | Counts
Message = ToCell | ToEdge | Question | Reply | News
