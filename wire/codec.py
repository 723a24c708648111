"""Text frame <-> message, with a size limit for each direction.

Whatever is wrong with a frame comes out as one SupernetError (protocol_error or frame_too_large) whose text may be
sent back: it names the field, never the value, because values may be prompts.
"""

from collections.abc import Sequence
from typing import TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from wire.bounds import Bounds, excess
from wire.chat import ChatRequest, Tool
from wire.errors import ErrorCode, SupernetError
from wire.fixed_tool import once
from wire.messages import MAX_DELIVERED, TO_COORDINATOR, TO_WORKER, Deltas, Start, ToCoordinator, ToWorker

T = TypeVar("T")
REQUEST = '"request":{'

MAX_BEFORE_WELCOME_BYTES = 64 * 1024
MAX_TO_COORDINATOR_BYTES = 1024 * 1024  # token frames are under 4 KiB; a replay after a resume is cut into frames
MAX_TO_WORKER_BYTES = 8 * 1024 * 1024  # a Start: the largest body of a client, and MAX_DELIVERED tokens
# Frames of all other kinds: the longest of a worker is an end that says why, of a coordinator an Ack of all slots.
MAX_SMALL_TO_COORDINATOR_BYTES = 64 * 1024
MAX_SMALL_TO_WORKER_BYTES = 1024 * 1024

# A step of 256 tokens with 20 alternatives each holds 22,000 lists and objects, and with them 70,000 bytes of tokens.
TO_COORDINATOR_BOUNDS = Bounds(containers=2**15, values=2**18)
# A client's body has at most 100,000 values; a Start says some fields of each message besides, and delivered tokens.
TO_WORKER_BOUNDS = Bounds(containers=2**17, values=2**17 + MAX_DELIVERED)


def encode(message: BaseModel) -> str:
    """Return the text frame; fields that are None are left out. Raises pydantic's PydanticSerializationError for a text
    that is no Unicode (a lone surrogate)."""
    if isinstance(message, Start) and isinstance(message.request, ChatRequest) and message.request.tools:
        return _with_tools(message, message.request.tools)
    return message.model_dump_json(exclude_none=True)


def _with_tools(start: Start, tools: Sequence[Tool]) -> str:
    """The Start of a chat with these tools. They are put in as text: of fixed tools that is there already."""
    rest = start.model_dump_json(exclude_none=True, exclude={"request": {"tools"}})
    before, begun, behind = rest.partition(REQUEST)  # in no text before it: there its marks would be escaped
    return f'{before}{begun}"tools":[{",".join(map(_tool, tools))}],{behind}'


@once
def _tool(tool: Tool) -> str:
    return tool.model_dump_json(exclude_none=True)


def to_coordinator(frame: str | bytes) -> ToCoordinator:
    """Decode what a worker sent. Raises SupernetError (protocol_error, frame_too_large)."""
    message = _decode(TO_COORDINATOR, frame, MAX_TO_COORDINATOR_BYTES, TO_COORDINATOR_BOUNDS)
    return message if isinstance(message, Deltas) else _small(message, frame, MAX_SMALL_TO_COORDINATOR_BYTES)


def to_worker(frame: str | bytes) -> ToWorker:
    """Decode what a coordinator sent. Raises SupernetError (protocol_error, frame_too_large)."""
    message = _decode(TO_WORKER, frame, MAX_TO_WORKER_BYTES, TO_WORKER_BOUNDS)
    return message if isinstance(message, Start) else _small(message, frame, MAX_SMALL_TO_WORKER_BYTES)


def _small(message: T, frame: str | bytes, limit: int) -> T:
    if len(frame) > limit:
        raise SupernetError(
            ErrorCode.FRAME_TOO_LARGE, f"frame of {len(frame)} characters: its kind has at most {limit}"
        )
    return message


def _decode(adapter: TypeAdapter[T], frame: str | bytes, limit: int, most: Bounds) -> T:
    if isinstance(frame, bytes):
        raise SupernetError(ErrorCode.PROTOCOL_ERROR, "binary frame: this protocol speaks JSON text frames")
    if len(frame) > limit:
        raise SupernetError(ErrorCode.FRAME_TOO_LARGE, f"frame of {len(frame)} characters: the limit is {limit}")
    text = frame.encode("utf-8", "surrogatepass")  # a surrogate is the parser's to refuse
    if too_much := excess(text, most):
        raise SupernetError(ErrorCode.FRAME_TOO_LARGE, f"frame with {too_much}")
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        # pydantic quotes an unknown tag in full: it may be a megabyte, or anything
        what = "unknown type" if first["type"] == "union_tag_invalid" else first["msg"]
        raise SupernetError(ErrorCode.PROTOCOL_ERROR, f"invalid frame: {where or 'frame'}: {what}") from None
