"""What dispatch wants done: the hub performs it. Frozen, so that tests compare them as literals."""

from dataclasses import dataclass, field

from wire.chat import FinishReason, Timings, Usage
from wire.errors import SupernetError
from wire.messages import Delta, ToWorker


@dataclass(frozen=True)
class Report:
    """The account of one ended job. `usage.completion` is our own count of delivered tokens, never the worker's claim.

    `worker` is the key of the worker that ended it, None when none ever had it. `served` says who made the delivered
    tokens: (worker key, tokens). Times are seconds since submit.
    """

    usage: Usage
    timings: Timings = field(default_factory=Timings)
    attempts: int = 0
    worker: str | None = None
    served: tuple[tuple[str, int], ...] = ()
    queued_s: float = 0.0
    first_token_s: float | None = None
    total_s: float = 0.0


@dataclass(frozen=True)
class Send:
    """Put a frame on the socket of a session."""

    session: str
    message: ToWorker


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
class Finished:
    """The job is done. Nothing follows."""

    job: str
    finish_reason: FinishReason
    report: Report


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
class Noted:
    """For the operator's log: what happened to whom. Never holds text of a request or of an answer."""

    event: str
    worker: str = ""
    job: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Drained:
    """No job is left: the process may end."""


JobEvent = Queued | Placed | Accepted | Deliver | Finished | Failed | Stopped
Effect = Send | CloseWorker | JobEvent | Noted | Drained
