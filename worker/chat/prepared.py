"""What a request is made into: tokens for the engine, and how its answer is to be read."""

from dataclasses import dataclass
from typing import Protocol

from wire.catalog import ChatFormat
from wire.chat import Tool
from wire.schema_keywords import Gap
from worker.engine.constraint import Constraint, ReasoningLimit
from worker.engine.port import Placed


class Tokenizer(Protocol):
    """A model's vocabulary, without the model. Implemented by `bindings/vocab.Vocab`."""

    @property
    def special(self) -> dict[str, int]:
        """Text -> id of every control and user-defined token (`<|im_end|>`, `<think>`, `<tool_call>`, ...)."""
        ...

    @property
    def size(self) -> int:
        """Tokens, with ids from 0."""
        ...

    @property
    def longest(self) -> int:
        """Bytes of the longest token."""
        ...

    @property
    def template(self) -> str:
        """The model's own Jinja chat template; empty if the file has none."""
        ...

    def tokenize(self, text: str) -> list[int]:
        """Plain text to ids: nothing is added, and control tokens are not looked for."""
        ...

    def piece(self, token: int) -> bytes:
        """The bytes that a token stands for, special tokens spelled out."""
        ...


@dataclass(frozen=True)
class Reading:
    """How the text of an answer is to be taken apart: all that `answer.Answer` needs, and it is plain data.

    `in_reasoning`: the prompt ends inside an open thought. `reasons`: the vocabulary has `<think>`, so a thought may
    also be opened by the model. `tools` empty: nothing is parsed as a call (none declared, or tool_choice none).
    `parallel` false: the answer is over with its first call. `demanded`: a grammar lets through nothing but calls.
    `held`: a grammar holds the calls, so no tag in them is broken or missing. `whole`: a grammar lets through calls or
    one JSON value, so what is inside that value is no call. `tokens`: tags that are tokens of the model: spelled by
    other tokens they are text, such as a model quotes from its prompt.
    """

    format: ChatFormat
    in_reasoning: bool = False
    reasons: bool = False
    tools: tuple[Tool, ...] = ()
    stop: tuple[str, ...] = ()
    parallel: bool = True
    demanded: bool = False
    held: bool = False
    whole: bool = False
    tokens: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unheld:
    """What an answer that matches the grammar may break all the same, of the schema of a tool's arguments or (None) of
    the answer's own."""

    tool: str | None
    gaps: tuple[Gap, ...]


@dataclass(frozen=True)
class Seen:
    """A picture of a request, read: how many patches wide and high it is, and the hash of its pixels (port.Picture)."""

    columns: int
    rows: int
    digest: str


@dataclass(frozen=True)
class Prepared:
    """A request ready for the engine. `anchors`, `pictures`: see `port.Submit`. `delivered_pieces`: the bytes of the
    tokens of the answer that were delivered already, one item a token. `said`: what the grammar library says of the
    constraint."""

    prompt: tuple[int, ...]
    anchors: tuple[int, ...]
    reading: Reading
    delivered_pieces: tuple[bytes, ...] = ()
    constraint: Constraint | None = None
    unheld: tuple[Unheld, ...] = ()
    said: tuple[str, ...] = ()
    reasoning: ReasoningLimit | None = None
    pictures: tuple[Placed, ...] = ()
