"""What travels on the pipes to and from the process that reads pictures."""

from dataclasses import dataclass
from hashlib import sha256

from worker.subprocesses.codec import MAX_LINE_BYTES, Codec


@dataclass(frozen=True)
class File:
    """A picture as its client sent it. `most`: the tokens that it may be, as in wire/pictures.py."""

    data: bytes
    most: int


@dataclass(frozen=True)
class Pixels:
    """A picture as the model sees it. `rgb`: rows from the top, three bytes a pixel; both sides whole patches.
    `in_file`: how many pixels its file has, which is what it took to read."""

    width: int
    height: int
    rgb: bytes
    in_file: int

    @property
    def digest(self) -> str:
        """What the picture is known by from here on: SHA-256 of its size and its pixels, so equal for what the model
        sees alike, whatever file it came in, and for nothing else. It names what an engine keeps of the picture."""
        return sha256(b"%d %d " % (self.width, self.height) + self.rgb).hexdigest()


@dataclass(frozen=True)
class Unreadable:
    """Why the file is no picture for a model: the end of a sentence that begins with which picture it is."""

    why: str


TO_READER: Codec[File] = Codec(MAX_LINE_BYTES, File)
FROM_READER: Codec[Pixels | Unreadable] = Codec(MAX_LINE_BYTES, Pixels, Unreadable)
