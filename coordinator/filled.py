"""An answer with files in it: what is kept and sent piece by piece is the text around them, and where each belongs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

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


@dataclass
class Places:
    """What stands in the text of an answer for the files in it, until it is sent. No other text may hold the `mark`:
    it is either unguessable, or no stranger knows the id behind it yet."""

    mark: str
    _known: dict[str, Artefact] = field(default_factory=dict)

    def of(self, artefact: Artefact) -> str:
        """Stands for the bytes of this file, in base64."""
        self._known[artefact.id] = artefact
        return f"{self.mark}{artefact.id}"

    def filled(self, text: bytes) -> Filled:
        """The text with its files, wherever one belongs."""
        body, files, sent = bytearray(), [], 0
        for found in re.finditer(re.escape(self.mark).encode() + rb"([A-Za-z0-9_-]{22})", text):
            if (artefact := self._known.get(found[1].decode())) is not None:
                body += text[sent : found.start()]
                files.append((len(body), artefact))
                sent = found.end()
        return Filled(bytes(body + text[sent:]), tuple(files))
