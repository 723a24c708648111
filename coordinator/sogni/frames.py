"""Frames of the SDKs' socket, both ways: `{"type": T, "data": base64(JSON)}`, one text message each."""

import json
from base64 import b64decode, b64encode
from binascii import Error
from dataclasses import dataclass
from typing import Any

from coordinator.openai.json_body import MAX_BODY_BYTES, Json, load
from wire.errors import invalid

MAX_DATA_BYTES = MAX_BODY_BYTES  # pictures included: with more of them the HTTP API is there, which takes 20 MiB
MAX_FRAME_BYTES = MAX_DATA_BYTES // 3 * 4 + 1024
MAX_SMALL_BYTES = 16 * 1024  # of the data of every frame that asks for no answer of a model
MAX_TYPE_CHARS = 64
_JSON = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True)
class Said:
    """One frame of a client. `data` is JSON that nobody has read yet."""

    type: str
    data: bytes

    def small(self, most: int = MAX_SMALL_BYTES) -> Any:
        """The data of a frame that is no job; None where there is none. Raises invalid_request, request_too_large."""
        return load(self.data, most) if self.data else None


def written(type: str, data: Json) -> str:
    """A frame for a client. Its data is always an object: an SDK looks for ids in it before anything else."""
    return _JSON.encode({"type": type, "data": b64encode(_JSON.encode(data).encode()).decode()})


def read(frame: str | bytes) -> Said:
    """A client's frame. Raises SupernetError, request_too_large or invalid_request, for what is none."""
    raw = frame.encode(errors="replace") if isinstance(frame, str) else frame
    envelope = load(raw, MAX_FRAME_BYTES)
    if not isinstance(envelope, dict):
        raise invalid(None, 'A frame is {"type": ..., "data": ...}.')
    type, data = envelope.get("type"), envelope.get("data")
    if not isinstance(type, str) or not 1 <= len(type) <= MAX_TYPE_CHARS:
        raise invalid("type", f"Invalid 'type': expected 1 to {MAX_TYPE_CHARS} characters.")
    if data is None:
        return Said(type, b"")
    if not isinstance(data, str):
        raise invalid("data", "Invalid 'data': expected JSON in base64.")
    try:
        return Said(type, b64decode(data, validate=True))
    except (Error, ValueError):
        raise invalid("data", "Invalid 'data': it is not valid base64.") from None
