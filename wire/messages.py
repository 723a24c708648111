"""Every frame of the protocol: two unions, ToCoordinator and ToWorker, tagged by `type`, frozen.

The worker dials, says Hello and waits for Welcome. Then both talk freely. Tokens are the currency: a Delta carries the
token ids of a step and what they meant. `seq` counts the frames of one attempt (deltas and its end) from 0, so that a
reattached worker replays exactly what was not acknowledged and the coordinator drops what it has seen.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter

from wire.chat import MAX_LOGPROBS, ChatRequest, FinishReason, Frozen, Part, Timings, TokenId, Usage
from wire.errors import ErrorCode

PROTOCOL_VERSION = 1
SUBPROTOCOL = "supernet.v1"
WORKER_PATH = "/v1/worker"

HEARTBEAT_S = 5.0  # a Capacity frame at least this often
DEAD_AFTER_S = 15.0  # three missed heartbeats: the worker is gone
HELLO_TIMEOUT_S = 5.0
RESUME_WINDOW_S = 60.0  # how long a dropped socket keeps its jobs
EARNINGS = "earnings"  # a feature of Hello: the worker understands Earnings
WINDOW_TOKENS = 512  # tokens of one job that may be on the way without an Ack; then its slot pauses

Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")]


def _utf8(text: object) -> object:
    """Names of files, machines and devices may be bytes that are no text. Python keeps those as lone surrogates, which
    no frame can carry: one in a message ended the worker that wanted to send it."""
    return text.encode("utf-8", "replace").decode("utf-8") if isinstance(text, str) and not text.isascii() else text


Text = Annotated[str, BeforeValidator(_utf8), Field(max_length=4096)]
Traceparent = Annotated[str, Field(pattern=r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")]  # W3C Trace Context
# Words for people are cut, not refused: a compiler's complaint that quoted a whole schema ended a worker.
Sentence = Annotated[str, BeforeValidator(_utf8), AfterValidator(lambda text: text[:4096])]
# No number of a stranger is without a bound: an Infinity in a speed curve, or more tokens than a database column can
# hold, was enough to end a coordinator.
Count = Annotated[int, Field(ge=0, lt=2**53)]
Nano = Annotated[int, Field(ge=0, lt=2**63)]  # money in nano-dollars; 2**53 would be 9 million dollars
AttemptNumber = Annotated[int, Field(ge=1, lt=2**31)]
Seconds = Annotated[float, Field(ge=0, le=86400, allow_inf_nan=False)]
Rate = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


# ---- worker -> coordinator ---------------------------------------------------------------------------------------


class Gpu(Frozen):
    """`backend`: the one of llama.cpp that drives it, "CUDA" or "Vulkan". `shared`: its memory is the main memory."""

    name: Text
    memory_bytes: Count
    free_bytes: Count = 0
    driver: Text = ""
    backend: Text = ""
    shared: bool = False


class Hardware(Frozen):
    cpu: Text = ""
    cpu_cores: int = Field(1, ge=1, le=2**16)
    memory_bytes: Count = 0
    gpus: tuple[Gpu, ...] = Field((), max_length=64)


class SpeedPoint(Frozen):
    """Measured: all `streams` together decode `decode_tps` tokens a second; `ttft_ms` for a 512-token prompt."""

    streams: int = Field(ge=1, le=256)
    decode_tps: Rate
    prefill_tps: Rate
    ttft_ms: Rate


class ModelOffer(Frozen):
    """A model that is loaded, or being loaded, with what one job can really use. `sha256`: of its file (of a split
    model the first), as the worker says; clients are told it as its claim."""

    id: Id
    sha256: Annotated[str, Field(max_length=64)] = ""
    context: int = Field(ge=1, le=2**24)  # tokens of one job, prompt and answer together
    slots: int = Field(ge=1, le=256)
    features: tuple[Id, ...] = Field((), max_length=32)
    speed: tuple[SpeedPoint, ...] = Field((), max_length=16)


ModelStatus = Literal["loading", "ready", "down", "broken"]


class ModelState(Frozen):
    """`free` may be lower than slots minus jobs: a slot is a lease that ends when the engine says so."""

    id: Id
    status: ModelStatus
    slots: int = Field(ge=0, le=256)
    free: int = Field(ge=0, le=256)


class RunningJob(Frozen):
    """An attempt that is alive on the worker; `next_seq` is the number its next new frame will carry."""

    job: Id
    attempt: AttemptNumber
    next_seq: Count


class Resume(Frozen):
    """A dropped socket comes back: the session it had, and what is still running or not acknowledged."""

    session: Id
    jobs: tuple[RunningJob, ...] = Field((), max_length=1024)


class Hello(Frozen):
    """First frame. `worker` persists across restarts, `instance` is new with every process start."""

    type: Literal["hello"] = "hello"
    protocol: int = PROTOCOL_VERSION
    worker: Id
    instance: Id
    version: Text = ""
    name: Text = ""
    hardware: Hardware = Hardware()
    models: tuple[ModelOffer, ...] = Field(max_length=32)
    features: tuple[Id, ...] = Field((), max_length=32)
    resume: Resume | None = None


class Capacity(Frozen):
    """The heartbeat. Sent at once too when a status, the slots, or a slot that the coordinator thinks taken changes."""

    type: Literal["capacity"] = "capacity"
    models: tuple[ModelState, ...] = Field((), max_length=32)


class Accepted(Frozen):
    type: Literal["accepted"] = "accepted"
    job: Id
    attempt: AttemptNumber


class Refused(Frozen):
    """The job was never started. `retry_after_s` is the worker's own estimate for a free slot."""

    type: Literal["refused"] = "refused"
    job: Id
    attempt: AttemptNumber
    code: ErrorCode
    message: Sentence
    param: Text | None = None
    retry_after_s: Seconds | None = None


TokenBytes = Annotated[tuple[Annotated[int, Field(ge=0, le=255)], ...], Field(max_length=1024)]


class TokenLogprob(Frozen):
    """`bytes` are the token's own bytes (a token may be part of a character)."""

    bytes: TokenBytes
    logprob: float
    top: tuple[tuple[TokenBytes, float], ...] = Field((), max_length=MAX_LOGPROBS)


class Delta(Frozen):
    """What one engine step gave one job. `parts` may be empty while a parser holds text back, `tokens` at the end."""

    job: Id
    attempt: AttemptNumber
    seq: Count
    tokens: tuple[TokenId, ...] = ()
    parts: tuple[Part, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()


class Deltas(Frozen):
    """All deltas of one engine step travel in one frame."""

    type: Literal["deltas"] = "deltas"
    items: tuple[Delta, ...]


class Done(Frozen):
    type: Literal["done"] = "done"
    job: Id
    attempt: AttemptNumber
    seq: Count
    finish_reason: FinishReason
    usage: Usage
    timings: Timings = Timings()


class Failed(Frozen):
    type: Literal["failed"] = "failed"
    job: Id
    attempt: AttemptNumber
    seq: Count
    code: ErrorCode
    message: Sentence
    param: Text | None = None
    retryable: bool


class Cancelled(Frozen):
    """The slot is free again; `usage` is what was generated until then."""

    type: Literal["cancelled"] = "cancelled"
    job: Id
    attempt: AttemptNumber
    seq: Count
    usage: Usage


class Draining(Frozen):
    """No new jobs; what still runs after `deadline_s` seconds is handed back as Failed worker_draining."""

    type: Literal["draining"] = "draining"
    deadline_s: Seconds


class Issue(Frozen):
    """A problem of the operator's, typed; `remedy` says what to do. `active` False: it is over."""

    type: Literal["issue"] = "issue"
    code: Id
    severity: Literal["info", "warning", "error"]
    message: Sentence
    remedy: Sentence = ""
    active: bool = True


class Error(Frozen):
    """Either side: your frame was not understood or not allowed. The link stays open unless a close follows."""

    type: Literal["error"] = "error"
    code: ErrorCode
    message: Sentence


# ---- coordinator -> worker ---------------------------------------------------------------------------------------


class KeptJob(Frozen):
    """An attempt that goes on after a resume; frames below `next_seq` have arrived."""

    job: Id
    attempt: AttemptNumber
    next_seq: Count


class Welcome(Frozen):
    """Answer to Hello. After a resume, attempts that are not in `kept` are over: stop them, forget their frames."""

    type: Literal["welcome"] = "welcome"
    session: Id
    heartbeat_s: Seconds = HEARTBEAT_S
    resume_window_s: Seconds = RESUME_WINDOW_S
    window_tokens: int = Field(WINDOW_TOKENS, ge=1, lt=2**31)
    kept: tuple[KeptJob, ...] = ()


class Start(Frozen):
    """Serve this. `delivered` are token ids that the client already has: continue from exactly there, in silence."""

    type: Literal["start"] = "start"
    job: Id
    attempt: AttemptNumber
    model: Id
    request: ChatRequest
    seed: int = Field(ge=0, lt=2**63)
    delivered: tuple[TokenId, ...] = ()
    traceparent: Traceparent | None = None


class Cancel(Frozen):
    type: Literal["cancel"] = "cancel"
    job: Id
    attempt: AttemptNumber


class AckItem(Frozen):
    """Every frame of the attempt below `next_seq` has arrived."""

    job: Id
    attempt: AttemptNumber
    next_seq: Count


class Ack(Frozen):
    type: Literal["ack"] = "ack"
    items: tuple[AckItem, ...]


class Drain(Frozen):
    """Stop taking jobs, finish what runs, then leave."""

    type: Literal["drain"] = "drain"
    deadline_s: Seconds


class Move(Frozen):
    """Reconnect after a pause (to `url`, or to where you were): this coordinator is about to restart."""

    type: Literal["move"] = "move"
    after_s: Seconds
    url: Text | None = None


class Earnings(Frozen):
    """What the worker's account has earned, in nano-dollars: held back still, free to be taken, and both since midnight
    UTC. Only for a worker whose Hello names the feature EARNINGS."""

    type: Literal["earnings"] = "earnings"
    escrow_nano: Nano
    available_nano: Nano
    today_nano: Nano


ToCoordinator = Annotated[
    Hello | Capacity | Accepted | Refused | Deltas | Done | Failed | Cancelled | Draining | Issue | Error,
    Field(discriminator="type"),
]
ToWorker = Annotated[Welcome | Start | Cancel | Ack | Drain | Move | Earnings | Error, Field(discriminator="type")]

TO_COORDINATOR: TypeAdapter[ToCoordinator] = TypeAdapter(ToCoordinator)
TO_WORKER: TypeAdapter[ToWorker] = TypeAdapter(ToWorker)
