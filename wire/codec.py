"""Text frame <-> message, with a size limit for each direction.

Whatever is wrong with a frame comes out as one SupernetError (protocol_error or frame_too_large) whose text may be
sent back: it names the field, never the value, because values may be prompts.
"""

from typing import TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from wire.errors import ErrorCode, SupernetError
from wire.messages import TO_COORDINATOR, TO_WORKER, ToCoordinator, ToWorker

T = TypeVar("T")

MAX_BEFORE_WELCOME_BYTES = 64 * 1024
MAX_TO_COORDINATOR_BYTES = 1024 * 1024  # token frames are under 4 KiB; a replay after a resume is cut into frames
MAX_TO_WORKER_BYTES = 16 * 1024 * 1024  # a Start carries the whole conversation


def encode(message: BaseModel) -> str:
    return message.model_dump_json(exclude_none=True)


def to_coordinator(frame: str | bytes) -> ToCoordinator:
    """Decode what a worker sent. Raises SupernetError."""
    return _decode(TO_COORDINATOR, frame, MAX_TO_COORDINATOR_BYTES)


def to_worker(frame: str | bytes) -> ToWorker:
    """Decode what a coordinator sent. Raises SupernetError."""
    return _decode(TO_WORKER, frame, MAX_TO_WORKER_BYTES)


def _decode(adapter: TypeAdapter[T], frame: str | bytes, limit: int) -> T:
    if isinstance(frame, bytes):
        raise SupernetError(ErrorCode.PROTOCOL_ERROR, "binary frame: this protocol speaks JSON text frames")
    if len(frame) > limit:
        raise SupernetError(ErrorCode.FRAME_TOO_LARGE, f"frame of {len(frame)} characters: the limit is {limit}")
    try:
        return adapter.validate_json(frame)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        # pydantic quotes an unknown tag in full: it may be a megabyte, or anything
        what = "unknown type" if first["type"] == "union_tag_invalid" else first["msg"]
        raise SupernetError(ErrorCode.PROTOCOL_ERROR, f"invalid frame: {where or 'frame'}: {what}") from None
