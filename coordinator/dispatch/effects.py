"""What dispatch wants done: the hub performs it. Frozen, so that tests compare them as literals."""

from dataclasses import dataclass, field

from coordinator.artefact import Artefact
from coordinator.dispatch.so_far import SoFar
from coordinator.scheduler.state import JobSpec
from wire.chat import FinishReason, Timings, Usage
from wire.errors import SupernetError
from wire.media import Stage
from wire.messages import Delta, ToWorker

# Where each stage of a making begins, of 100.
PERCENT: dict[Stage, int] = {"loading": 0, "encoding": 1, "denoising": 2, "decoding": 90, "saving": 96, "uploading": 98}


@dataclass(frozen=True)
class Report:
    """The account of one ended job. `usage.completion` is our own count of delivered tokens, never the worker's claim.

    `worker` is the key of the worker that ended it, None when none ever had it; `reader` is of the one that read
    the prompt. `served` says who made the delivered tokens: (worker key, tokens). Times are seconds since submit.
    """

    usage: Usage
    timings: Timings = field(default_factory=Timings)
    attempts: int = 0
    worker: str | None = None
    served: tuple[tuple[str, int], ...] = ()
    queued_s: float = 0.0
    first_token_s: float | None = None
    total_s: float = 0.0
    reader: str | None = None


@dataclass(frozen=True)
class Progress:
    """What a client has got of a job that runs: `served` are (worker key, tokens that it made). `prompt`: tokens that
    `reader`, the worker of the last of them, has read for it; 0 and None before there is a token."""

    prompt: int
    reader: str | None
    served: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Send:
    """Put a frame on the socket of a session."""

    session: str
    message: ToWorker


@dataclass(frozen=True)
class File:
    """A file that a worker lacks from the byte `offset` on."""

    sha256: str
    offset: int
    data: bytes = field(repr=False)  # all of it


@dataclass(frozen=True)
class SendFiles:
    """Put pieces of these files on the socket of a session, for an attempt, whenever nothing else waits."""

    session: str
    job: str
    attempt: int
    files: tuple[File, ...]


@dataclass(frozen=True)
class StopFiles:
    """The attempt needs no more of its files: what is not under way is not sent."""

    session: str
    job: str
    attempt: int


@dataclass(frozen=True)
class CloseWorker:
    """Close the socket of a session, after what was sent before."""

    session: str
    code: int
    reason: str


@dataclass(frozen=True)
class Queued:
    """The job waits; `place` counts from 1."""

    job: str
    place: int


@dataclass(frozen=True)
class Placed:
    """A worker was asked to serve the job."""

    job: str
    worker: str
    attempt: int


@dataclass(frozen=True)
class Accepted:
    """The worker has prepared the request and leased a slot: from here on it is a real answer."""

    job: str
    attempt: int


@dataclass(frozen=True)
class Deliver:
    """Something new for the client, once and in order. `completion` is the number of tokens with this delta."""

    job: str
    delta: Delta
    completion: int


@dataclass(frozen=True)
class Progressed:
    """How far a job is that makes something, by its worker's word. `preview`: the unfinished picture in base64, or
    nothing. `percent` of a job never falls."""

    job: str
    stage: Stage
    step: int = 0
    steps: int = 0
    preview: str = field(default="", repr=False)

    @property
    def percent(self) -> int:
        """About how much of it is made: nearly all are its steps."""
        if self.stage != "denoising":
            return PERCENT[self.stage]
        first, last = PERCENT["denoising"], PERCENT["decoding"]
        return first + (last - first) * min(self.step, self.steps) // max(self.steps, 1)


@dataclass(frozen=True)
class Made:
    """What a job was to make is stored. Finished follows."""

    job: str
    artefact: Artefact


@dataclass(frozen=True)
class Finished:
    """The job is done. Nothing follows. `stop`: the stop string that ended it, by its worker's word."""

    job: str
    finish_reason: FinishReason
    report: Report
    stop: str | None = None


@dataclass(frozen=True)
class Failed:
    """The job failed for good. Nothing follows."""

    job: str
    error: SupernetError
    report: Report


@dataclass(frozen=True)
class Stopped:
    """The client had left, and the job's slot is free again. Nothing follows."""

    job: str
    report: Report


@dataclass(frozen=True)
class Handback:
    """The job has left this cell: it cannot go on here, and perhaps can in another. `why`: for the log and metrics."""

    job: str
    spec: JobSpec
    so_far: SoFar
    why: str


@dataclass(frozen=True)
class Noted:
    """For the operator's log: what happened to whom. Never holds text of a request or of an answer."""

    event: str
    worker: str = ""
    job: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Drained:
    """No job is left: the process may end."""


JobEnd = Finished | Failed | Stopped
JobEvent = Queued | Placed | Accepted | Deliver | Progressed | Made | Handback | JobEnd
Effect = Send | SendFiles | StopFiles | CloseWorker | JobEvent | Noted | Drained
