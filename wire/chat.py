"""What is asked of a model and what it answers, after every default has been resolved.

The coordinator builds a ChatRequest from an allow-list and a worker serves it as it stands: nothing here is
optional in meaning, and bounds are checked on both ends.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from wire.guesses import SomeGuesses
from wire.pictures import LOW_TOKENS, MAX_BYTES, MAX_PICTURES, MOST_TOKENS
from wire.scalars import Frozen, Sha256

MAX_TOP_K = 256  # an uncapped top-p sorts the whole vocabulary: 18.5 ms a token at 248k; the cap keeps sampling exact
MAX_LOGPROBS = 20
MIN_REPETITION_PENALTY = 0.01  # it divides: far smaller ones make a logit infinite
MAX_MESSAGES = 2048
MAX_TOOLS = 128
MAX_LOGIT_BIAS = 300
MAX_STOPS = 4
MAX_STOP_CHARS = 64
MAX_CALLS = 1024  # of one answer, and so of one that is sent back

TokenId = Annotated[int, Field(ge=0, lt=2**31)]
StopText = Annotated[str, Field(max_length=MAX_STOP_CHARS)]
TokenCount = Annotated[int, Field(ge=0, lt=2**31)]
Bias = Annotated[float, Field(ge=-100, le=100)]
LEAST_MS = 0.001  # of a time that is one: tokens in 1e-310 ms would be infinitely many a second
Milliseconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


class ToolCall(Frozen):
    """A call that an earlier assistant turn made. `arguments` is JSON text, as OpenAI writes it."""

    id: str
    name: str
    arguments: str


class Image(Frozen):
    """A picture in a message: it stands before the character `at` of the text. Its file is known by its SHA-256 (see
    wire/blobs.py), and `most` is how many tokens it may be: at least LOW_TOKENS."""

    at: int = Field(ge=0, lt=2**31)
    sha256: Sha256
    size_bytes: int = Field(ge=1, le=MAX_BYTES)
    most: int = Field(ge=LOW_TOKENS, le=MOST_TOKENS)


class Message(Frozen):
    """One turn. Text parts are joined before they come here; `developer` has become `system`.

    `images`, in their order, are of user and tool messages, and at most MAX_PICTURES of one request.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    reasoning: str | None = None
    name: str | None = None
    tool_calls: tuple[ToolCall, ...] = Field((), max_length=MAX_CALLS, fail_fast=True)
    tool_call_id: str | None = None
    images: tuple[Image, ...] = Field((), max_length=MAX_PICTURES, fail_fast=True)


class Tool(Frozen):
    name: str
    description: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)
    strict: bool = False


class Sampling(Frozen):
    """Exact meaning: penalties on the recent tokens, then temperature 0 = greedy, else top-k, top-p, min-p, draw.

    top_k 0 means MAX_TOP_K. `top_logprobs` None means that no logprobs are wanted.
    """

    temperature: float = Field(1.0, ge=0, le=2)
    top_p: float = Field(1.0, gt=0, le=1)
    top_k: int = Field(0, ge=0, le=MAX_TOP_K)
    min_p: float = Field(0.0, ge=0, le=1)
    presence_penalty: float = Field(0.0, ge=-2, le=2)
    frequency_penalty: float = Field(0.0, ge=-2, le=2)
    repetition_penalty: float = Field(1.0, ge=MIN_REPETITION_PENALTY, le=2)
    logit_bias: tuple[tuple[TokenId, Bias], ...] = Field((), max_length=MAX_LOGIT_BIAS, fail_fast=True)
    top_logprobs: int | None = Field(None, ge=0, le=MAX_LOGPROBS)


class ChatRequest(Frozen):
    """One answer to generate. `tool_choice` is none, auto, required, or the name of a declared tool as `name:NAME`.

    `json_schema` constrains the answer (after any reasoning); `{}` means any JSON object. With
    `json_schema_strict` a keyword that cannot be enforced refuses the request, as it does in a tool that is strict;
    else the answer says what does not hold. Without `parallel_tool_calls` the first call ends the answer.
    """

    kind: Literal["chat"] = "chat"
    messages: tuple[Message, ...] = Field(max_length=MAX_MESSAGES, fail_fast=True)
    tools: tuple[Tool, ...] = Field((), max_length=MAX_TOOLS, fail_fast=True)
    tool_choice: str = "auto"
    parallel_tool_calls: bool = True
    json_schema: dict[str, Any] | None = None
    json_schema_strict: bool = False
    thinking: bool = True
    preserve_thinking: bool = False
    reasoning_budget: TokenCount | None = None  # tokens after which the thought is closed
    max_tokens: int = Field(ge=1, lt=2**31)
    stop: tuple[StopText, ...] = Field((), max_length=MAX_STOPS, fail_fast=True)
    ignore_eos: bool = False
    sampling: Sampling = Sampling()


class Content(Frozen):
    type: Literal["content"] = "content"
    text: str


class Reasoning(Frozen):
    type: Literal["reasoning"] = "reasoning"
    text: str


class CallDelta(Frozen):
    """A piece of a tool call. `name` comes once, first; `arguments` pieces add up to JSON text."""

    type: Literal["call"] = "call"
    index: int = Field(ge=0, lt=MAX_CALLS)
    name: str | None = None
    arguments: str = ""


class Notice(Frozen):
    """The answer stands, but something in it was malformed, or of its request was left out: what, in one sentence."""

    type: Literal["notice"] = "notice"
    text: str


Part = Annotated[Content | Reasoning | CallDelta | Notice, Field(discriminator="type")]
FinishReason = Literal["stop", "length", "tool_calls"]


class Usage(Frozen):
    """Tokens. `completion` counts delivered tokens (reasoning included); `cached` is the reused part of `prompt`."""

    prompt: TokenCount
    cached: TokenCount = 0
    completion: TokenCount
    reasoning: TokenCount = 0


class Timings(Frozen):
    """Milliseconds at the worker: waiting for a slot, prompt to first token, first token to last. `completion`: tokens
    that it made in that time, in so many `steps`; 0: it does not say. Guesses are counted nowhere else."""

    queued_ms: Milliseconds = 0
    prefill_ms: Milliseconds = 0
    decode_ms: Milliseconds = 0
    completion: TokenCount = 0
    steps: TokenCount = 0
    guesses: SomeGuesses = ()
