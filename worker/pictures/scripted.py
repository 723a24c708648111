"""A reader of pictures without a decoder: for tests, simulations and load runs, where any bytes are a picture."""

from hashlib import sha256

from wire.pictures import PATCH, grid
from worker.pictures.pipe import Pixels


class ScriptedReader:
    """Same interface as PictureReader. Every file is a square of one colour with as many tokens as it may have; which
    colour is decided by its bytes."""

    async def read(self, data: bytes, most: int) -> Pixels:
        """Make it up, without a look at the file."""
        columns, rows = grid(2**13, 2**13, most)
        width, height = columns * PATCH, rows * PATCH
        return Pixels(width, height, sha256(data).digest()[:3] * (width * height), width * height)

    async def close(self) -> None:
        """Do nothing: there is no child to end."""
