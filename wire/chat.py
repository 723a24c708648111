"""What is asked of a model and what it answers, after every default has been resolved.

The coordinator builds a ChatRequest from an allow-list and a worker serves it as it stands: nothing here is
optional in meaning, and bounds are checked on both ends.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_TOP_K = 256  # an uncapped top-p sorts the whole vocabulary: 18.5 ms a token at 248k; the cap keeps sampling exact
MAX_LOGPROBS = 20
MIN_REPETITION_PENALTY = 0.01  # it divides: far smaller ones make a logit infinite
MAX_STOPS = 4
MAX_STOP_CHARS = 64
MAX_CALLS = 1024  # of one answer, and so of one that is sent back

TokenId = Annotated[int, Field(ge=0, lt=2**31)]
StopText = Annotated[str, Field(max_length=MAX_STOP_CHARS)]
TokenCount = Annotated[int, Field(ge=0, lt=2**31)]
Bias = Annotated[float, Field(ge=-100, le=100)]
Milliseconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


class Frozen(BaseModel):
    """Immutable, and unknown fields are ignored so that versions N and N-1 understand each other."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="constants")


class ToolCall(Frozen):
    """A call that an earlier assistant turn made. `arguments` is JSON text, as OpenAI writes it."""

    id: str
    name: str
    arguments: str


class Message(Frozen):
    """One turn. Text parts are joined before they come here; `developer` has become `system`."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    reasoning: str | None = None
    name: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


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
    logit_bias: tuple[tuple[TokenId, Bias], ...] = Field((), max_length=300)
    top_logprobs: int | None = Field(None, ge=0, le=MAX_LOGPROBS)


class ChatRequest(Frozen):
    """One answer to generate. `tool_choice` is none, auto, required, or the name of a declared tool as `name:NAME`.

    `json_schema` constrains the answer (after any reasoning); `{}` means any JSON object. Without
    `parallel_tool_calls` the first call ends the answer.
    """

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    parallel_tool_calls: bool = True
    json_schema: dict[str, Any] | None = None
    thinking: bool = True
    preserve_thinking: bool = False
    reasoning_budget: TokenCount | None = None  # tokens after which the thought is closed
    max_tokens: int = Field(ge=1, lt=2**31)
    stop: Annotated[tuple[StopText, ...], Field(max_length=MAX_STOPS)] = ()
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
    """The answer stands, but something in it was malformed: what, in one sentence."""

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
    """Milliseconds at the worker: waiting for a slot, prompt to first token, first token to last."""

    queued_ms: Milliseconds = 0
    prefill_ms: Milliseconds = 0
    decode_ms: Milliseconds = 0
