"""An answer with files in it: what is kept and sent piece by piece is the text around them, and where each belongs."""

from collections.abc import Iterator
from dataclasses import dataclass

from coordinator.artefact import Artefact


@dataclass(frozen=True)
class Filled:
    """`body` is all but the files; each of `files` belongs, in base64, in front of the byte of `body` that is its
    number. They are in order."""

    body: bytes
    files: tuple[tuple[int, Artefact], ...] = ()

    @property
    def size_bytes(self) -> int:
        """As it is sent."""
        return len(self.body) + sum(4 * -(-artefact.size_bytes // 3) for _, artefact in self.files)

    def pieces(self) -> Iterator[bytes | Artefact]:
        """Text and files in the order in which they are sent."""
        sent = 0
        for place, artefact in self.files:
            yield self.body[sent:place]
            yield artefact
            sent = place
        yield self.body[sent:]
