"""The files of a request on their way to a worker, named by their content: a chat's pictures, what media is made from.

A Start names its files by their SHA-256. The worker asks for those that it does not have (Need), and the coordinator
sends each in pieces (Blob), between which all other frames overtake. Only a worker that offers VISION, or makes media,
is sent any. A picture of a chat that cannot be read is refused as the field `images[N]`, counted from 0 through the
whole request: only the coordinator knows where its client wrote it.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from wire.media import MAX_VIDEO_BYTES
from wire.pictures import MAX_PICTURES
from wire.scalars import AttemptNumber, Frozen, Id, Sha256

VISION = "vision"  # a feature of ModelOffer: the model on this worker sees pictures
PIECE_BYTES = 192 * 1024  # of a file in one frame: 1.7 s of a line of 1 Mbit/s
MAX_FILE_BYTES = MAX_VIDEO_BYTES  # the largest of all kinds: what each may have is said where it is named
MAX_PIECE_CHARS = 4 * PIECE_BYTES // 3  # in base64


class Wanted(Frozen):
    """A file, from the byte `offset` on: what is before it has arrived, on an earlier socket perhaps."""

    sha256: Sha256
    offset: int = Field(0, ge=0, lt=MAX_FILE_BYTES)


class Need(Frozen):
    """The worker lacks these files of an attempt that was started on it, and asks for them in this order. It is said
    once an attempt; until the last has come the attempt is neither accepted nor refused for being slow."""

    type: Literal["need"] = "need"
    job: Id
    attempt: AttemptNumber
    files: tuple[Wanted, ...] = Field(min_length=1, max_length=MAX_PICTURES, fail_fast=True)


class Blob(Frozen):
    """A piece of a file: base64 of what is from `offset` on. Pieces of one file come in their order."""

    type: Literal["blob"] = "blob"
    sha256: Sha256
    offset: int = Field(ge=0, lt=MAX_FILE_BYTES)
    size_bytes: int = Field(ge=1, le=MAX_FILE_BYTES)  # of the whole file
    data: Annotated[str, StringConstraints(min_length=4, max_length=MAX_PIECE_CHARS, pattern=r"^[A-Za-z0-9+/]+={0,2}$")]
