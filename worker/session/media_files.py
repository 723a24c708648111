"""The files that attempts at media need: who waits for which, and how much of each has come. Their bytes are kept by
the shell, in a folder of the daemon's (daemon/scratch.py): a film does not belong in memory.

A file is here from the first attempt that needs it to the last.
"""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from wire import media
from wire.blobs import Blob, Wanted
from wire.media import MAX_IMAGE_BYTES, MAX_SOUND_BYTES, MAX_VIDEO_BYTES, Making, SoundToVideo, VideoToVideo
from worker.session.blobs import LEAST_PIECE_BYTES
from worker.session.slots import JobKey

MOST_BYTES = 512 * 1024 * 1024  # of all files, those counted that are on their way


@dataclass
class _File:
    most: int  # bytes that it may have
    size: int | None = None  # known with its first piece
    came: int = 0
    digest: Any = field(default_factory=sha256)
    claims: set[JobKey] = field(default_factory=set)

    @property
    def room(self) -> int:
        return self.most if self.size is None else self.size

    @property
    def whole(self) -> bool:
        return self.size is not None and self.came == self.size


class MediaFiles:
    """Whole files, and the beginnings of those that are on their way, by their SHA-256."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._files: dict[str, _File] = {}

    @property
    def size_bytes(self) -> int:
        """What is kept, and what was promised room: never more than the bound."""
        return sum(file.room for file in self._files.values())

    def claim(self, key: JobKey, make: Making) -> bool:
        """Keep what is needed to make this until it is released; False, and nothing is claimed: there is no room."""
        most = limits(make)
        new = sum(room for name, room in most.items() if name not in self._files)
        if new and self.size_bytes + new > self._most_bytes:
            return False
        for name, room in most.items():
            self._files.setdefault(name, _File(room)).claims.add(key)
        return True

    def release(self, key: JobKey) -> list[str]:
        """The attempt needs its files no more; return those that nobody does, which are forgotten."""
        for file in self._files.values():
            file.claims.discard(key)
        gone = [name for name, file in self._files.items() if not file.claims]
        for name in gone:
            del self._files[name]
        return gone

    def lacking(self, key: JobKey) -> list[Wanted]:
        """What is to be asked for of the files that the attempt has claimed."""
        found = [(name, file) for name, file in self._files.items() if key in file.claims and not file.whole]
        return [Wanted(sha256=name, offset=file.came) for name, file in found]

    def waiting(self, name: str) -> set[JobKey]:
        """The attempts that have claimed this file."""
        return set(self._files[name].claims)

    def wants(self, blob: Blob) -> bool:
        """Whether a piece continues a file that was asked for, and is as long as it must be."""
        file = self._files.get(blob.sha256)
        if file is None or file.whole or len(blob.data) % 4 or blob.offset != file.came:
            return False
        if blob.size_bytes != file.size and (file.size is not None or blob.size_bytes > file.most):
            return False
        end = blob.offset + 3 * len(blob.data) // 4 - blob.data.count("=")
        return end == blob.size_bytes or (end < blob.size_bytes and end - blob.offset >= LEAST_PIECE_BYTES)

    def take(self, blob: Blob) -> tuple[bytes, bool | None]:
        """Take a piece that `wants` is true of, and return its bytes. True: the file is whole; False: it is, and not
        the one that its name says; None: more has to come."""
        file, data = self._files[blob.sha256], b64decode(blob.data)
        file.size = blob.size_bytes
        file.came += len(data)
        file.digest.update(data)
        return data, file.digest.hexdigest() == blob.sha256 if file.whole else None


def limits(make: Making) -> Mapping[str, int]:
    """The most bytes that each file may have which has to be there to make this."""
    larger: dict[str, int] = {}
    match make:
        case SoundToVideo():
            larger = {make.sound: MAX_SOUND_BYTES}
        case VideoToVideo():
            larger = {make.video: MAX_VIDEO_BYTES}
        case _:
            pass
    return {name: larger.get(name, MAX_IMAGE_BYTES) for name in media.files(make)}
