"""Pictures that were read lately, so that each turn of a chat need not read those of all turns before it again.

A photo of 12 megapixels takes half a second of a processor, and clients send all pictures with every turn. What is kept
are pixels, at most 3 MiB of a picture: the files may be gone by then, and the engine may have let go of the pixels too.
"""

import asyncio
from collections import OrderedDict
from typing import NamedTuple, Protocol

from worker.engine.port import Picture
from worker.pictures.pipe import Pixels

MOST_BYTES = 128 * 1024 * 1024  # 42 pictures of 1,024 tokens


class Read(NamedTuple):
    """A picture, and how many pixels its file has."""

    picture: Picture
    in_file: int


class Reader(Protocol):
    """Makes pictures of strangers' files; see PictureReader."""

    async def read(self, data: bytes, most: int) -> Pixels: ...

    async def close(self) -> None: ...


class PictureCache:
    """Reads each picture once while it is remembered, for all who ask for it. `close` ends the reader."""

    def __init__(self, reader: Reader, most_bytes: int = MOST_BYTES) -> None:
        self._reader = reader
        self._most_bytes = most_bytes
        self._pictures: OrderedDict[tuple[str, int], Read] = OrderedDict()  # the one asked for last is last
        self._reads: dict[tuple[str, int], asyncio.Task[Read]] = {}

    async def picture(self, sha256: str, data: bytes, most: int) -> Read:
        """The picture of at most `most` tokens in a file with this hash. Raises SupernetError as `PictureReader.read`
        does. Who stops waiting stops no read: another may wait for it too."""
        key = sha256, most
        if found := self._pictures.get(key):
            self._pictures.move_to_end(key)
            return found
        if key not in self._reads:
            self._reads[key] = asyncio.create_task(self._read(key, data), name=f"read picture {sha256[:8]}")
            self._reads[key].add_done_callback(
                lambda read: read.cancelled() or read.exception()
            )  # it may be waited for
        return await asyncio.shield(self._reads[key])

    async def close(self) -> None:
        """End the reader; pictures that are waited for are refused with SupernetError (worker_draining)."""
        await self._reader.close()
        await asyncio.gather(*self._reads.values(), return_exceptions=True)

    async def _read(self, key: tuple[str, int], data: bytes) -> Read:
        try:
            pixels = await self._reader.read(data, key[1])
        finally:
            del self._reads[key]
        read = Read(Picture(pixels.digest, pixels.width, pixels.height, pixels.rgb), pixels.in_file)
        self._pictures[key] = read
        total = sum(len(one.picture.rgb) for one in self._pictures.values())
        while total > self._most_bytes and len(self._pictures) > 1:
            total -= len(self._pictures.popitem(last=False)[1].picture.rgb)
        return read
