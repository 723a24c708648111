"""Pictures in the simulated network: a few files that many jobs ask about, slow lines, and workers without eyes.

Worlds without them draw nothing here, so their seeds keep their histories.
"""

import random
from dataclasses import dataclass
from hashlib import sha256

from wire.blobs import PIECE_BYTES
from wire.chat import Image
from wire.pictures import LOW_TOKENS, MOST_TOKENS, PATCH
from worker.engine.port import Picture
from worker.session.effects import PictureFile

SIZES = (3_000, PIECE_BYTES // 2, PIECE_BYTES + 1, 2 * PIECE_BYTES, 3 * PIECE_BYTES + 17)
SPEEDS = (20_000.0, 125_000.0, 1e6, 1e8)  # bytes a second; at the first, three pieces take longer than is waited for
ASKED = 0.7  # of the jobs
IMAGE_MS = 200.0
SEE = 0.7  # of the workers, and the first in any case


@dataclass
class Pictures:
    """What one world has of them. `line_bytes_per_s`: of every worker's line, while it is not healed."""

    files: tuple[bytes, ...]
    line_bytes_per_s: float

    def some(self, dice: random.Random, places: int) -> tuple[tuple[Image, ...], dict[str, bytes]]:
        """The pictures of a job, before characters of a text of that length, and their files."""
        if dice.random() > ASKED:
            return (), {}
        shown = dice.choices(self.files, k=dice.randint(1, 3))
        at = sorted(dice.randint(0, places) for _ in shown)
        most = dice.choice((LOW_TOKENS, MOST_TOKENS))
        images = tuple(
            Image(at=place, sha256=name(data), size_bytes=len(data), most=most)
            for place, data in zip(at, shown, strict=True)
        )
        return images, {name(data): data for data in shown}

    def heal(self) -> None:
        self.line_bytes_per_s = SPEEDS[-1]


def made_up(dice: random.Random) -> Pictures:
    files = tuple(dice.randbytes(dice.choice(SIZES)) for _ in range(4))
    return Pictures(files, dice.choice(SPEEDS))


def name(data: bytes) -> str:
    return sha256(data).hexdigest()


def read(file: PictureFile) -> Picture:
    """The picture that a worker makes of a file: known by what is really in it."""
    return Picture(name(file.data), PATCH, PATCH, bytes(3 * PATCH * PATCH))
