"""Message <-> bytes: a line that names the kind, a line of JSON, and behind it the files of jobs, as they are.

Whatever is wrong with bytes comes out as Unreadable, and it never says what they were: they may be prompts.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from coordinator.cluster.protocol.messages import (
    MAX_FILES_BYTES,
    MAX_MESSAGE_BYTES,
    Attached,
    Message,
    Reclaimed,
    Submit,
)
from coordinator.cluster.protocol.unreadable import Unreadable
from coordinator.scheduler.state import JobSpec
from wire.bounds import Bounds, excess
from wire.messages import MAX_DELIVERED

BOUNDS = Bounds(containers=2**18, values=2**20 + 2 * MAX_DELIVERED)
_KINDS: dict[str, TypeAdapter[Any]] = {kind.__name__: TypeAdapter(kind) for kind in get_args(Message)}


def encode(message: Message) -> bytes:
    """The bytes of a message. Raises pydantic's PydanticSerializationError for a text that is no Unicode."""
    kind = type(message).__name__
    specs = _specs(message)
    files = [data for spec in specs for data in spec.blobs.values()]
    if files:
        message = _with(message, [replace(spec, blobs={}) for spec in specs])
    names = [[[name, len(data)] for name, data in spec.blobs.items()] for spec in specs]
    head = f"{kind} {json.dumps(names, separators=(',', ':'))}\n" if files else f"{kind}\n"
    return b"".join((head.encode(), _KINDS[kind].dump_json(message), *([b"\n", *files] if files else [])))


def decode(data: bytes) -> Message:
    """The message of these bytes. Raises Unreadable for junk, too much, and a kind that is not known here."""
    if len(data) > MAX_MESSAGE_BYTES:
        raise Unreadable(f"{len(data)} bytes: the limit is {MAX_MESSAGE_BYTES}")
    head, _, rest = data.partition(b"\n")
    kind, _, names = head[: 64 * 1024].partition(b" ")
    name = kind.decode("ascii", "replace")
    if name not in _KINDS:
        raise Unreadable("an unknown kind")
    body, files = rest, b""
    if names:
        body, _, files = rest.partition(b"\n")
    if too_much := excess(body, BOUNDS):
        raise Unreadable(f"{name} with {too_much}")
    try:
        message: Message = _KINDS[name].validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise Unreadable(f"{name}: {'.'.join(map(str, first['loc']))}: {first['type']}") from None
    return _with_files(message, names, files) if names else message


def _specs(message: Message) -> list[JobSpec]:
    match message:
        case Submit():
            return [message.spec]
        case Reclaimed():
            return [kept.spec for kept in message.jobs]
        case Attached():
            return [] if message.spec is None else [message.spec]
    return []


def _with(message: Message, specs: Sequence[JobSpec]) -> Message:
    match message:
        case Submit() | Attached():
            return replace(message, spec=specs[0])
        case Reclaimed():
            kept = (replace(kept, spec=spec) for kept, spec in zip(message.jobs, specs, strict=True))
            return replace(message, jobs=tuple(kept))
    raise TypeError(message)


def _with_files(message: Message, names: bytes, files: bytes) -> Message:
    """Give each job of the message its files back. `names`: of each job a list of (sha256, bytes)."""
    specs = _specs(message)
    if len(files) > MAX_FILES_BYTES * max(len(specs), 1):
        raise Unreadable("files that are too large")
    try:
        parsed = json.loads(names)
        at, found = 0, []
        for job in parsed:
            blobs = {}
            for name, size in job:
                if not isinstance(name, str) or type(size) is not int or not 0 <= size <= len(files) - at:
                    raise Unreadable("files that are not there")
                blobs[name] = files[at : at + size]
                at += size
            found.append(blobs)
    except (ValueError, TypeError, RecursionError):
        raise Unreadable("names of files") from None
    if len(found) != len(specs) or at != len(files):
        raise Unreadable("files of no job")
    return _with(message, [replace(spec, blobs=blobs) for spec, blobs in zip(specs, found, strict=True)])
