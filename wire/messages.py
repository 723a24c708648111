"""Every frame of the protocol: two unions, ToCoordinator and ToWorker, tagged by `type`.

The worker dials, says Hello and waits for Welcome. Then both talk freely. Tokens are the currency: a Delta carries the
token ids of a step and what they meant. `seq` counts the frames of one attempt (deltas and its end) from 0, so that a
reattached worker replays exactly what was not acknowledged and the coordinator drops what it has seen.
Effects and commands share names with frames: a file that knows both says `from wire import messages as wire`.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from wire.blobs import Blob, Need
from wire.chat import MAX_CALLS, MAX_LOGPROBS, FinishReason, Part, StopText, Timings, TokenCount, TokenId, Usage
from wire.earnings import Earnings
from wire.errors import ErrorCode
from wire.handed_catalog import HandedCatalog
from wire.idle import Idle
from wire.media import MediaOffer, Progress, Upload
from wire.offers import Hardware, ModelOffer, ModelState, Power
from wire.request import Request
from wire.scalars import AttemptNumber, Count, Frozen, Id, Logprob, Seconds, Sentence, Text, Traceparent

PROTOCOL_VERSION = 1
SUBPROTOCOL = "supernet.v1"
WORKER_PATH = "/v1/worker"

HEARTBEAT_S = 5.0  # a Capacity frame at least this often
DEAD_AFTER_S = 15.0  # three missed heartbeats: the worker is gone
HELLO_TIMEOUT_S = 5.0
RESUME_WINDOW_S = 60.0  # how long a dropped socket keeps its jobs
WINDOW_TOKENS = 512  # tokens of one job that may be on the way without an Ack; then its slot pauses

# The longest lists. Each stops at its first fault: 340,000 items that lacked three fields took 10 s and a gigabyte.
MAX_RESUMED = 1024
MAX_DELTAS = 4096  # of a step: a worker has 256 slots, and a grammar may force some tokens of each
MAX_DELTA_TOKENS = 8192  # of one job in a step: a worker of ours sends one
MAX_PARTS = 4 * MAX_CALLS  # what was held back may come at once, each call in a few pieces
MAX_DELIVERED = 2**19  # twice the longest context of models.yaml
MAX_ACKS = 32 * 256  # each slot of each model


# ---- worker -> coordinator (Need, of wire/blobs.py, and Progress, of wire/media.py, too) ----------------------------


class RunningJob(Frozen):
    """An attempt that is alive on the worker; `next_seq` is the number its next new frame will carry."""

    job: Id
    attempt: AttemptNumber
    next_seq: Count


class Resume(Frozen):
    """The session that a dropped socket left behind, with every attempt that still runs or is not acknowledged."""

    session: Id
    jobs: tuple[RunningJob, ...] = Field((), max_length=MAX_RESUMED, fail_fast=True)


class Hello(Frozen):
    """The first frame of a worker: what it is called and serves. `worker` persists across restarts, `instance` is new
    with every process. `catalog`: the fingerprint of the one that it was handed last."""

    type: Literal["hello"] = "hello"
    protocol: int = PROTOCOL_VERSION
    worker: Id
    instance: Id
    version: Text = ""
    name: Text = ""
    hardware: Hardware = Hardware()
    models: tuple[ModelOffer, ...] = Field(max_length=32, fail_fast=True)
    media: tuple[MediaOffer, ...] = Field((), max_length=32, fail_fast=True)
    features: tuple[Id, ...] = Field((), max_length=32, fail_fast=True)
    catalog: Text = ""
    resume: Resume | None = None


class Capacity(Frozen):
    """The heartbeat: how every model is now. It is sent at once too when a status, the slots, or a slot that the
    coordinator thinks taken changes. `power`: in the regular ones of a worker with sensors."""

    type: Literal["capacity"] = "capacity"
    models: tuple[ModelState, ...] = Field((), max_length=32, fail_fast=True)
    power: Power | None = None


class Accepted(Frozen):
    """The request is prepared and a slot is leased. From here on the attempt ends in Done, Failed or Cancelled.
    `prompt`: tokens of its prompt; whatever ends the attempt, they are known then. Older workers do not say it."""

    type: Literal["accepted"] = "accepted"
    job: Id
    attempt: AttemptNumber
    prompt: TokenCount | None = None


class Refused(Frozen):
    """The attempt was never started, and nothing follows. `retry_after_s` is the worker's estimate for a free slot."""

    type: Literal["refused"] = "refused"
    job: Id
    attempt: AttemptNumber
    code: ErrorCode
    message: Sentence
    param: Text | None = None
    retry_after_s: Seconds | None = None


TokenBytes = Annotated[tuple[Annotated[int, Field(ge=0, le=255)], ...], Field(max_length=1024, fail_fast=True)]


class TokenLogprob(Frozen):
    """The log-probability of one token, and of what might be in its place. `bytes`: maybe a part of a character."""

    bytes: TokenBytes
    logprob: Logprob
    top: tuple[tuple[TokenBytes, Logprob], ...] = Field((), max_length=MAX_LOGPROBS, fail_fast=True)


class Delta(Frozen):
    """What one engine step gave one job. `parts` may be empty while a parser holds text back, `tokens` at the end."""

    job: Id
    attempt: AttemptNumber
    seq: Count
    tokens: tuple[TokenId, ...] = Field((), max_length=MAX_DELTA_TOKENS, fail_fast=True)
    parts: tuple[Part, ...] = Field((), max_length=MAX_PARTS, fail_fast=True)
    logprobs: tuple[TokenLogprob, ...] = Field((), max_length=MAX_DELTA_TOKENS, fail_fast=True)


class Deltas(Frozen):
    """All deltas of one engine step travel in one frame."""

    type: Literal["deltas"] = "deltas"
    items: tuple[Delta, ...] = Field(max_length=MAX_DELTAS, fail_fast=True)


class Done(Frozen):
    """The whole answer has been sent, and the slot is free again. Behind the last Delta of the attempt."""

    type: Literal["done"] = "done"
    job: Id
    attempt: AttemptNumber
    seq: Count
    finish_reason: FinishReason
    stop: StopText | None = None  # the stop string that ended it
    usage: Usage
    timings: Timings = Timings()


class Failed(Frozen):
    """The attempt is over without a whole answer, its slot is free again. `retryable`: another worker may do better."""

    type: Literal["failed"] = "failed"
    job: Id
    attempt: AttemptNumber
    seq: Count
    code: ErrorCode
    message: Sentence
    param: Text | None = None
    retryable: bool


class Cancelled(Frozen):
    """The attempt is over because of a Cancel, and the slot is free again. `usage` is what was generated until then."""

    type: Literal["cancelled"] = "cancelled"
    job: Id
    attempt: AttemptNumber
    seq: Count
    usage: Usage


class Draining(Frozen):
    """The worker takes no new jobs. What still runs after `deadline_s` is handed back as Failed worker_draining."""

    type: Literal["draining"] = "draining"
    deadline_s: Seconds


class Issue(Frozen):
    """A problem on the worker that its owner should know of; `remedy` says what to do. `active` False: it is over."""

    type: Literal["issue"] = "issue"
    code: Id
    severity: Literal["info", "warning", "error"]
    message: Sentence
    remedy: Sentence = ""
    active: bool = True


class Error(Frozen):
    """A frame of the other side was not understood or not allowed. The link stays open unless a close follows."""

    type: Literal["error"] = "error"
    code: ErrorCode
    message: Sentence


# ---- coordinator -> worker (Blob, Earnings, HandedCatalog and Idle, each of a file of its own, too) ------------------


class KeptJob(Frozen):
    """An attempt that goes on after a resume; frames below `next_seq` have arrived."""

    job: Id
    attempt: AttemptNumber
    next_seq: Count


class Welcome(Frozen):
    """The answer to Hello. After a resume, attempts that are not in `kept` are over: the worker stops them and forgets
    their frames. `newest`: of the worker's versions that the coordinator gives out, if it does."""

    type: Literal["welcome"] = "welcome"
    session: Id
    newest: Text = ""
    heartbeat_s: Seconds = HEARTBEAT_S
    resume_window_s: Seconds = RESUME_WINDOW_S
    window_tokens: int = Field(WINDOW_TOKENS, ge=1, lt=2**31)
    kept: tuple[KeptJob, ...] = Field((), max_length=MAX_RESUMED, fail_fast=True)


class Start(Frozen):
    """One attempt to serve a request. `delivered` are token ids that the client already has: the worker continues from
    exactly there, in silence. `upload`: where what it makes goes, of a request for media."""

    type: Literal["start"] = "start"
    job: Id
    attempt: AttemptNumber
    model: Id
    request: Request
    seed: int = Field(ge=0, lt=2**63)
    delivered: tuple[TokenId, ...] = Field((), max_length=MAX_DELIVERED, fail_fast=True)
    traceparent: Traceparent | None = None
    upload: Upload | None = None


class Cancel(Frozen):
    """Nobody wants the answer any more. The slot stays leased until the worker says Cancelled, or how else it ended."""

    type: Literal["cancel"] = "cancel"
    job: Id
    attempt: AttemptNumber


class AckItem(Frozen):
    """Every frame of one attempt below `next_seq` has arrived."""

    job: Id
    attempt: AttemptNumber
    next_seq: Count


class Ack(Frozen):
    """What has arrived of several attempts: the worker forgets it, and their windows open."""

    type: Literal["ack"] = "ack"
    items: tuple[AckItem, ...] = Field(max_length=MAX_ACKS, fail_fast=True)


class Drain(Frozen):
    """The worker takes no more jobs, finishes what runs, and leaves."""

    type: Literal["drain"] = "drain"
    deadline_s: Seconds


class Move(Frozen):
    """The coordinator restarts: the worker dials home after a pause. A `url` is for workers of earlier versions."""

    type: Literal["move"] = "move"
    after_s: Seconds
    url: Text | None = None


ToCoordinator = Annotated[
    Hello
    | Capacity
    | Accepted
    | Refused
    | Deltas
    | Done
    | Failed
    | Cancelled
    | Draining
    | Issue
    | Need
    | Progress
    | Error,
    Field(discriminator="type"),
]
ToWorker = Annotated[
    Welcome | Start | Cancel | Ack | Drain | Move | Earnings | HandedCatalog | Idle | Blob | Error,
    Field(discriminator="type"),
]

TO_COORDINATOR: TypeAdapter[ToCoordinator] = TypeAdapter(ToCoordinator)
TO_WORKER: TypeAdapter[ToWorker] = TypeAdapter(ToWorker)
