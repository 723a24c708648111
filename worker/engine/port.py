"""What the worker asks of any engine and what an engine answers: types only.

Commands go in, events come out, both are frozen. `process` runs llama.cpp behind this port in a child process, and
`scripted` plays answers from a script: tests, simulations and load runs use it where a model adds nothing.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal, Protocol

from wire.chat import Sampling
from wire.errors import ErrorCode, SupernetError


@dataclass(frozen=True)
class EngineSpec:
    """Everything that decides how a model is loaded; made by `plan`. Sizes in tokens unless the name says bytes."""

    path: str  # the GGUF file, or the first of a split one
    slots: int  # jobs at once
    context: int  # tokens of one job, prompt and answer together
    batch: int = 512  # most rows of one decode
    longest_stall_ms: int = 500  # of a step in which jobs stream: slices of prompts are sized by it
    gpu_layers: int = 0  # -1: all
    cpu_expert_layers: int = 0  # first N layers whose experts stay in main memory
    devices: tuple[str, ...] = ()  # Device.address of each GPU, none left out; empty: the CPU alone
    split: tuple[int, ...] = ()  # layers of each of them, from the first; empty: by free memory
    threads: int = 1
    repacked: bool = True  # weights are rewritten at load for the CPU's matrix instructions, where it has any
    kv_type: Literal["f16", "q8_0"] = "f16"
    flash_attention: bool = True
    unified: bool = True  # one cache for all slots: prefixes are shared for nothing
    anchors: int = 0  # spare sequences that keep shared prefixes
    saved_bytes: int = 2 * 2**30  # main memory for saved states of a hybrid model


@dataclass(frozen=True)
class Constraint:
    """A llguidance grammar (Lark text) that the answer must match: from the start, or once token `after` was drawn,
    or from the token `call` on if that comes first. An end of turn before it begins is answered with `after`."""

    grammar: str
    after: int | None = None
    call: int | None = None


@dataclass(frozen=True)
class ReasoningLimit:
    """Close a thought by force: after `budget` tokens inside it the tokens `close` are emitted instead of drawn ones.

    `opened`: the prompt ends inside the thought; else it starts when token `open` is drawn with nothing before it but
    blank tokens of `close`: behind text it is text. `end` and `call` are the tokens that end a thought by themselves.
    If `calls` is given, `call` does so only where one of these stands behind it (blanks apart), or a JSON object that
    does not begin with a name.
    A thought that was closed by force is the last one, and so is one behind which text has begun: neither `open` nor
    `end` is drawn any more, so a model that goes on thinking cannot leave a stray tag in its answer. An end of turn
    inside a thought becomes `end`: a thought is no answer. `budget` None: no thought is wanted, and neither tag is ever
    drawn.
    """

    budget: int | None
    open: int
    end: int
    close: tuple[int, ...]
    opened: bool
    call: int | None = None
    calls: tuple[str, ...] = ()


# ---- commands ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Submit:
    """Generate an answer. `delivered` tokens follow the prompt, count as generated, and are not emitted again.

    `max_tokens` counts the whole answer, `delivered` included. `anchors` are prompt lengths (ascending) at which a
    prefix is worth keeping: the ends of messages and the start of the generation prompt.
    """

    job: str
    prompt: tuple[int, ...]
    max_tokens: int
    sampling: Sampling
    seed: int
    delivered: tuple[int, ...] = ()
    anchors: tuple[int, ...] = ()
    constraint: Constraint | None = None
    reasoning: ReasoningLimit | None = None
    ignore_eos: bool = False


@dataclass(frozen=True)
class Cancel:
    """End the job within one step, in prefill too; answered by Ended(cancelled), or by the end that came first."""

    job: str


@dataclass(frozen=True)
class Pause:
    """Give the job no more rows until Continue: its reader is slow."""

    job: str


@dataclass(frozen=True)
class Continue:
    job: str


Command = Submit | Cancel | Pause | Continue


# ---- events ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Loading:
    fraction: float


@dataclass(frozen=True)
class Ready:
    """The model is loaded and answers. `context` and `slots` are what the engine really has."""

    slots: int
    context: int
    vocab: int


@dataclass(frozen=True)
class Token:
    """One generated token. `piece` are its bytes; `top` are alternatives as (bytes, logprob), best first."""

    job: str
    id: int
    piece: bytes
    logprob: float | None = None
    top: tuple[tuple[bytes, float], ...] = ()


@dataclass(frozen=True)
class Stepped:
    """All tokens of one engine step."""

    tokens: tuple[Token, ...]


@dataclass(frozen=True)
class JobUsage:
    """Tokens and milliseconds of one job. `completion` counts emitted tokens, `delivered` ones not."""

    prompt: int = 0
    cached: int = 0
    completion: int = 0
    queued_ms: float = 0
    prefill_ms: float = 0
    decode_ms: float = 0


@dataclass(frozen=True)
class Ended:
    """The slot is free again. `stop`: the model ended its turn; the end-of-turn token itself is not emitted."""

    job: str
    reason: Literal["stop", "length", "cancelled", "failed"]
    usage: JobUsage = JobUsage()
    code: ErrorCode | None = None  # with "failed"
    message: str = ""


@dataclass(frozen=True)
class Pulse:
    """At least once a second while the engine is alive, but for a step without streams, which may take 5 s: a longer
    silence means that it hangs. Counters grow from 0."""

    busy: int = 0
    waiting: int = 0
    steps: int = 0
    prompt_tokens: int = 0  # that were computed
    cached_tokens: int = 0  # that were not, because the cache had them
    generated_tokens: int = 0
    forced_tokens: int = 0  # of these, the ones that took no step of their own: the grammar left no choice
    longest_stall_ms: float = 0  # longest gap between two tokens of a streaming job since the last pulse
    step_ms: float = 0  # spent in steps that computed something
    llama_ms: float = 0  # of these, inside llama_decode and llama_synchronize; the rest is Python's share


@dataclass(frozen=True)
class Down:
    """The engine is gone and every job in it with it; `guilty` names the job that was being worked on alone, if known.

    `retry_in_s`: it is being restarted; None: this engine stays down, and the machine has to be looked at anew.
    `problem`: the row of issues.py that says what is wrong with the machine, where that is known.
    """

    message: str
    jobs: tuple[str, ...] = ()
    guilty: str | None = None
    retry_in_s: float | None = None
    problem: str = ""


class NotLoadedError(SupernetError):
    """The engine refuses to load; `problem` is the row of issues.py that says why and what to do."""

    def __init__(self, message: str, problem: str = "engine_not_loaded") -> None:
        super().__init__(ErrorCode.MODEL_NOT_LOADED, message)
        self.problem = problem


Event = Loading | Ready | Stepped | Ended | Pulse | Down


class Engine(Protocol):
    """One loaded model. `send` never blocks; events come in order, and after close() the iterator ends."""

    def send(self, command: Command) -> None: ...

    def events(self) -> AsyncIterator[Event]: ...

    async def close(self) -> None: ...
