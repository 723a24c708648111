"""Files of pictures, kept by their content: what has come once is not asked for again, what broke off goes on.

Bounded: files that running attempts need stay, the others make room, those first that were not needed for longest.
"""

from base64 import b64decode
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

from wire.blobs import Blob, Wanted

MOST_BYTES = 64 * 1024 * 1024  # five requests with as many bytes as one may have
MOST_FILES = 1024
LEAST_PIECE_BYTES = 16 * 1024  # but for a file's last: a file in crumbs would cost a frame each


class File(NamedTuple):
    """What a file is known by. Its size is part of that: whoever says another means another file."""

    sha256: str
    size_bytes: int


@dataclass
class _Entry:
    data: bytearray = field(default_factory=bytearray)  # from the file's beginning
    claims: int = 0  # attempts that need it


class Blobs:
    """Whole files, and the beginnings of those that are on their way or were cut off."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._entries: OrderedDict[File, _Entry] = OrderedDict()  # the one that was needed last is last

    @property
    def size_bytes(self) -> int:
        """What is kept, and what was promised room: never more than the bound."""
        return sum(self._room(file, entry) for file, entry in self._entries.items())

    def claim(self, files: Sequence[File]) -> bool:
        """Keep these, each named once, until they are released; False, and nothing is claimed: there is no room."""
        needed = set(files) | {file for file, entry in self._entries.items() if entry.claims}
        if sum(file.size_bytes for file in needed) > self._most_bytes:
            return False
        for file in files:
            self._entries.setdefault(file, _Entry()).claims += 1
            self._entries.move_to_end(file)
        self._shrink()
        return True

    def release(self, files: Iterable[File]) -> None:
        """An attempt that claimed these needs them no more. They stay while there is room, whole or not."""
        for file in files:
            entry = self._entries[file]
            entry.claims -= 1
            if not entry.claims and not entry.data:
                del self._entries[file]

    def lacking(self, files: Iterable[File]) -> list[File]:
        """Those of the claimed files that are not whole."""
        return [file for file in files if len(self._entries[file].data) < file.size_bytes]

    def wanted(self, file: File) -> Wanted:
        """What to ask for of a claimed file that is not whole."""
        return Wanted(sha256=file.sha256, offset=len(self._entries[file].data))

    def wants(self, blob: Blob) -> bool:
        """Whether a piece continues a file that was asked for, and is as long as it must be."""
        entry = self._entries.get(File(blob.sha256, blob.size_bytes))
        if entry is None or len(blob.data) % 4 or blob.offset != len(entry.data):
            return False
        end = blob.offset + 3 * len(blob.data) // 4 - blob.data.count("=")
        return end == blob.size_bytes or (end < blob.size_bytes and end - blob.offset >= LEAST_PIECE_BYTES)

    def take(self, blob: Blob) -> bool | None:
        """Add a piece that `wants` is true of. True: the file is whole; False: it is, and it is not the one that its
        name says, so it is forgotten; None: more has to come."""
        file = File(blob.sha256, blob.size_bytes)
        entry = self._entries[file]
        entry.data += b64decode(blob.data)
        whole: bool | None = None
        if len(entry.data) == file.size_bytes:
            whole = sha256(entry.data).hexdigest() == file.sha256
        if whole is False:
            entry.data.clear()
        if not entry.claims:  # it was asked for by one who has gone since
            self._shrink()
        return whole

    def read(self, file: File) -> bytes:
        """The bytes of a file that is whole and claimed."""
        return bytes(self._entries[file].data)

    def _shrink(self) -> None:
        size = self.size_bytes
        for file in [file for file, entry in self._entries.items() if not entry.claims]:
            if size <= self._most_bytes and len(self._entries) <= MOST_FILES and self._entries[file].data:
                continue
            size -= self._room(file, self._entries.pop(file))

    def _room(self, file: File, entry: _Entry) -> int:
        return file.size_bytes if entry.claims else len(entry.data)
