"""Files on their way to one worker: pieces of them, each made when its turn has come.

No piece is kept ready: what is here are the jobs' own bytes, and however many files wait for a slow line, they take no
memory of their own. Attempts take turns, and a file that several of them asked for is sent once.
"""

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field

from coordinator.dispatch.effects import File
from wire.blobs import PIECE_BYTES, Blob
from wire.codec import encode

Attempt = tuple[str, int]  # job, number


@dataclass
class _Transfer:
    """One file. `at`: the next byte to be sent; `first`: where it began."""

    data: bytes
    first: int
    at: int
    attempts: set[Attempt] = field(default_factory=set)


class BlobLane:
    """What the worker's attempts have asked for and does not have yet. Bounded by what they may ask for, once each."""

    def __init__(self) -> None:
        self._transfers: dict[str, _Transfer] = {}  # by SHA-256
        self._turns: dict[Attempt, list[str]] = {}  # each one's files in the order in which it asked, next turn first

    def __bool__(self) -> bool:
        return bool(self._turns)

    def add(self, attempt: Attempt, files: Iterable[File]) -> None:
        """Send the files for an attempt. What was sent of one that is under way, the worker gets."""
        for file in files:
            transfer = self._transfers.setdefault(file.sha256, _Transfer(file.data, file.offset, file.offset))
            if file.offset < transfer.first:
                transfer.first = transfer.at = file.offset
            transfer.attempts.add(attempt)
            self._turns.setdefault(attempt, []).append(file.sha256)

    def drop(self, attempt: Attempt) -> None:
        """The attempt needs nothing more; of one that is not known there is nothing to drop."""
        for sha256 in self._turns.pop(attempt, ()):
            self._transfers[sha256].attempts.discard(attempt)
            if not self._transfers[sha256].attempts:
                del self._transfers[sha256]

    def clear(self) -> None:
        """Nothing more is sent."""
        self._transfers.clear()
        self._turns.clear()

    def next_piece(self) -> str:
        """Take the next frame; there is one."""
        attempt, names = next(iter(self._turns.items()))
        self._turns[attempt] = self._turns.pop(attempt)  # the others come first now
        transfer = self._transfers[names[0]]
        piece = transfer.data[transfer.at : transfer.at + PIECE_BYTES]
        data = b64encode(piece).decode()
        frame = Blob(sha256=names[0], offset=transfer.at, size_bytes=len(transfer.data), data=data)
        transfer.at += len(piece)
        if transfer.at == len(transfer.data):
            self._arrived(names[0])
        return encode(frame)

    def _arrived(self, sha256: str) -> None:
        for attempt in self._transfers.pop(sha256).attempts:
            self._turns[attempt].remove(sha256)
            if not self._turns[attempt]:
                del self._turns[attempt]
