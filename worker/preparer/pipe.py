"""What travels on the pipes to and from a preparer's process."""

from dataclasses import dataclass

from wire.catalog import ChatFormat
from wire.chat import ChatRequest
from wire.errors import ErrorCode
from worker.chat.prepared import Prepared
from worker.subprocesses.codec import MAX_LINE_BYTES, Codec


@dataclass(frozen=True)
class PreparerSpec:
    """First line to a preparer: whose vocabulary and template, and the tokens that one job may have."""

    path: str
    context: int
    format: ChatFormat


@dataclass(frozen=True)
class Opened:
    """The vocabulary is loaded."""


@dataclass(frozen=True)
class Prepare:
    request: ChatRequest
    delivered: tuple[int, ...] = ()


@dataclass(frozen=True)
class Refused:
    """A SupernetError on its way through the pipe; as the first answer: the vocabulary could not be loaded."""

    code: ErrorCode
    message: str
    param: str | None = None


TO_PREPARER: Codec[PreparerSpec | Prepare] = Codec(MAX_LINE_BYTES, PreparerSpec, Prepare)
FROM_PREPARER: Codec[Opened | Prepared | Refused] = Codec(MAX_LINE_BYTES, Opened, Prepared, Refused)
