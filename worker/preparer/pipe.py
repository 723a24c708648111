"""What travels on the pipes to and from a preparer's process."""

from dataclasses import dataclass
from typing import Any

from wire.catalog import ChatFormat
from wire.chat import ChatRequest
from wire.errors import ErrorCode
from worker.chat.prepared import Prepared, Seen
from worker.subprocesses.codec import MAX_LINE_BYTES, Codec


@dataclass(frozen=True)
class PreparerSpec:
    """First line to a preparer: whose vocabulary and template, and the tokens that one job may have."""

    path: str
    context: int
    format: ChatFormat


@dataclass(frozen=True)
class Opened:
    """The vocabulary is loaded. `sees`: the model's template shows it pictures."""

    sees: bool = False


@dataclass(frozen=True)
class Prepare:
    request: ChatRequest
    delivered: tuple[int, ...] = ()
    seen: tuple[Seen, ...] = ()


@dataclass(frozen=True)
class Check:
    """Whether a finished JSON text matches its schema."""

    schema: dict[str, Any]
    text: str


@dataclass(frozen=True)
class Checked:
    """What of the schema does not hold, in sentences; empty: all of it does."""

    faults: tuple[str, ...]


@dataclass(frozen=True)
class Refused:
    """A SupernetError on its way through the pipe; as the first answer: the vocabulary could not be loaded."""

    code: ErrorCode
    message: str
    param: str | None = None


TO_PREPARER: Codec[PreparerSpec | Prepare | Check] = Codec(MAX_LINE_BYTES, PreparerSpec, Prepare, Check)
FROM_PREPARER: Codec[Opened | Prepared | Checked | Refused] = Codec(MAX_LINE_BYTES, Opened, Prepared, Checked, Refused)
