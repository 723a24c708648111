"""Pictures are read once while they are remembered."""

import asyncio

import pytest

from wire.errors import ErrorCode, SupernetError
from worker.pictures.cache import PictureCache
from worker.pictures.pipe import Pixels
from worker.pictures.scripted import ScriptedReader

LOW_BYTES = 3 * 512 * 512  # of a picture of 256 tokens


class Counting(ScriptedReader):
    def __init__(self) -> None:
        self.reads: list[bytes] = []
        self.go = asyncio.Event()
        self.go.set()
        self.fault: SupernetError | None = None

    async def read(self, data: bytes, most: int) -> Pixels:
        self.reads.append(data)
        await self.go.wait()
        if self.fault:
            raise self.fault
        return await super().read(data, most)

    async def close(self) -> None:
        self.fault = SupernetError(ErrorCode.WORKER_DRAINING, "the worker is leaving")
        self.go.set()


async def test_a_picture_is_known_again_by_its_file_and_its_size() -> None:
    cache = PictureCache(reader := Counting())
    first = await cache.picture("a", b"a", 256)
    assert await cache.picture("a", b"a", 256) is first
    larger = await cache.picture("a", b"a", 1024)
    assert (first.picture.width, larger.picture.width) == (512, 1024) and first.picture.id != larger.picture.id
    assert (first.in_file, larger.in_file) == (512**2, 1024**2), "what it took is remembered too"
    assert reader.reads == [b"a", b"a"]


async def test_two_who_need_one_picture_have_it_read_once_and_neither_stops_the_other() -> None:
    cache = PictureCache(reader := Counting())
    reader.go.clear()
    one, two = (asyncio.create_task(cache.picture("a", b"a", 256)) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    await asyncio.sleep(0)
    reader.go.set()
    assert (await two).picture.width == 512 and reader.reads == [b"a"]


async def test_what_cannot_be_read_is_tried_again() -> None:
    cache = PictureCache(reader := Counting())
    reader.fault = SupernetError(ErrorCode.WORKER_BUSY, "later")
    with pytest.raises(SupernetError):
        await cache.picture("a", b"a", 256)
    reader.fault = None
    await cache.picture("a", b"a", 256)


async def test_the_one_that_was_asked_for_longest_ago_makes_room() -> None:
    cache = PictureCache(reader := Counting(), most_bytes=2 * LOW_BYTES)
    for name in ("a", "b", "a", "c", "a", "b"):
        await cache.picture(name, name.encode(), 256)
    assert reader.reads == [b"a", b"b", b"c", b"b"]


async def test_the_end_refuses_those_who_wait() -> None:
    cache = PictureCache(reader := Counting())
    reader.go.clear()
    waiting = asyncio.create_task(cache.picture("a", b"a", 256))
    await asyncio.sleep(0)
    await cache.close()
    with pytest.raises(SupernetError, match="leaving"):
        await waiting
    assert asyncio.all_tasks() == {asyncio.current_task()}
