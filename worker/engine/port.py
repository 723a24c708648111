"""What the worker asks of any engine and what an engine answers: types only.

Commands go in, events come out, both are frozen. `process` runs llama.cpp behind this port in a child process, and
`scripted` plays answers from a script: tests, simulations and load runs use it where a model adds nothing.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal, Protocol

from wire.chat import Sampling
from wire.errors import ErrorCode, SupernetError
from worker.engine.constraint import Constraint, ReasoningLimit


@dataclass(frozen=True)
class EngineSpec:
    """Everything that decides how a model is loaded; made by `planning`. Sizes in tokens unless the name says bytes."""

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
    draft_rows: int = 0  # most guesses of one step, of all jobs together; 0: nothing is guessed
    rollback: int = 0  # tokens that a hybrid model's state can go back by itself; it is saved before more are guessed
    head: bool = False  # the model's own prediction layer (MTP) is loaded, and guesses too
    saved_bytes: int = 2 * 2**30  # main memory for saved states of a hybrid model
    projector: str | None = None  # the GGUF file of the model's eyes; None: it takes text only
    image_tokens: int = 1024  # most of one picture


@dataclass(frozen=True)
class Placed:
    """A picture in a prompt: it takes the place of the `columns` x `rows` tokens from index `at` on, line by line.

    `digest` names its pixels, as `Picture.id` does: two pictures that differ in one of them have different ones.
    """

    at: int
    columns: int
    rows: int
    digest: str

    @property
    def end(self) -> int:
        """Index of the first token behind it."""
        return self.at + self.columns * self.rows


# ---- commands ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Picture:
    """Pixels for the jobs that name them, sent before these: three bytes a pixel, red, green and blue, line by line.

    `width` and `height` are multiples of what one token covers (wire.pictures.PATCH), so that nothing is resized any
    more. `id` is a hash of all the rest. A picture that is here already need not be sent again, but may be; one that no
    job names makes way for others when there are many.
    """

    id: str
    width: int
    height: int
    rgb: bytes


@dataclass(frozen=True)
class Submit:
    """Generate an answer. `delivered`: tokens of it that another worker has made; they are not emitted again.

    `max_tokens` counts the whole answer, `delivered` included. `anchors` are prompt lengths (ascending), a few, at
    which a later prompt is likely to leave this one: there a hybrid model's state is worth keeping. `pictures` stand in
    the prompt in their order, and behind each is text; one that has not come (`Picture`) ends the job as failed.
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
    pictures: tuple[Placed, ...] = ()


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
    """Take back a Pause."""

    job: str


Command = Picture | Submit | Cancel | Pause | Continue


# ---- events ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Loading:
    """The model is being loaded; `fraction` of it, 0 to 1, is. `eyes`: all of it is, and its projector is being tried;
    an engine that dies of that is started again without."""

    fraction: float
    eyes: bool = False


@dataclass(frozen=True)
class Ready:
    """The model is loaded and answers. `context` and `slots` are what the engine really has. `image_ms`: what its
    encoder takes for a picture of the most tokens; None: it takes text only, and `blind` says why if it was to see."""

    slots: int
    context: int
    vocab: int
    image_ms: float | None = None
    blind: str = ""


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


Source = Literal["lookup", "mtp"]  # the text itself, or a head of the model that was trained for it


@dataclass(frozen=True)
class Guessed:
    """Tokens that were guessed ahead from one source: so many were computed, a row each, and so many came true."""

    source: Source
    drafted: int = 0
    accepted: int = 0


@dataclass(frozen=True)
class JobUsage:
    """Tokens and milliseconds of one job. `completion` counts the tokens emitted here, so without `delivered`: they
    took so many `steps`. Guesses that did not come true are no tokens of it."""

    prompt: int = 0
    cached: int = 0
    completion: int = 0
    queued_ms: float = 0
    prefill_ms: float = 0
    decode_ms: float = 0
    steps: int = 0
    guesses: tuple[Guessed, ...] = ()


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
    """The engine is alive: at least once a second, except during a step without streams, which may take 5 s. A longer
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
    encodes: int = 0  # of pictures
    encode_ms: float = 0  # spent in them, waits for streams included
    kept_pictures: int = 0  # that need no encode now
    draws: int = 0  # streams of each step, added up: so many tokens there would be with one a step
    guesses: tuple[Guessed, ...] = ()  # those of each source that made some

    @property
    def drafted_tokens(self) -> int:
        """Guesses that were computed behind the tokens that were certain."""
        return sum(one.drafted for one in self.guesses)

    @property
    def accepted_tokens(self) -> int:
        """Of these, the ones that were drawn."""
        return sum(one.accepted for one in self.guesses)


@dataclass(frozen=True)
class Down:
    """The engine is gone, and every job in it with it; `guilty`: the job in it, if it was the only one.

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
    """One model that is loaded, or is being loaded or restarted. To be used from one event loop.

    Every Submit comes to one end: an Ended, or its name in a Down.
    """

    def send(self, command: Command) -> None:
        """Hand over a command. Never blocks and never raises: a Submit that cannot be taken is answered by
        Ended(failed), and what is said of a job that is not there is ignored."""
        ...

    async def drained(self) -> None:
        """Return when the engine has taken most of what was sent, or is gone: before a Picture, of which a few would
        fill its pipe."""
        ...

    def events(self) -> AsyncIterator[Event]:
        """All events in their order, for one reader; the engine starts when the first is asked for. Ends after `close`.
        Raises what the engine itself died of, should it have a bug."""
        ...

    async def close(self) -> None:
        """End the engine; jobs that still run are answered by Ended(failed, worker_draining). Returns when its process
        is gone."""
        ...
