"""The reader of pictures, with real processes: a hostile file costs itself and nobody else."""

import asyncio
import os
import signal
import sys

import pytest

from tools.hostile.pictures.files import png, quarters, saved
from wire.errors import ErrorCode, SupernetError
from worker.pictures.process import WAITING, PictureReader

GOOD = saved(quarters(), "PNG")
DEAF = (sys.executable, "-c", "import time; time.sleep(60)")


async def refusal(reader: PictureReader, data: bytes) -> SupernetError:
    with pytest.raises(SupernetError) as caught:
        await reader.read(data, 1024)
    return caught.value


async def test_pictures_are_read_one_after_another_and_a_bad_one_between_them_costs_itself() -> None:
    reader = PictureReader(read_s=60, turn_s=60)
    try:
        good, bad, again = await asyncio.gather(
            reader.read(GOOD, 1024), refusal(reader, b"no picture"), reader.read(GOOD, 1024)
        )
        assert good == again and (good.width, good.height) == (320, 224)
        assert (bad.code, bad.param, bad.row.retryable) == (ErrorCode.INVALID_REQUEST, "messages", False)
        assert bad.message.startswith("is no JPEG")
    finally:
        await reader.close()


async def test_a_child_that_dies_is_no_fault_of_the_picture_and_the_next_one_is_read() -> None:
    reader = PictureReader(read_s=60, turn_s=60)
    try:
        await reader.read(GOOD, 1024)
        assert reader.pid is not None
        os.kill(reader.pid, signal.SIGSTOP)
        reading = asyncio.create_task(refusal(reader, GOOD))
        await asyncio.sleep(0.1)
        os.kill(reader.pid, signal.SIGKILL)
        assert (await reading).code is ErrorCode.WORKER_BUSY
        assert (await reader.read(GOOD, 1024)).width == 320
    finally:
        await reader.close()


async def test_waiting_and_reading_are_bounded() -> None:
    reader = PictureReader(command=DEAF, read_s=0.5, turn_s=0.1)
    try:
        errors = await asyncio.gather(*(refusal(reader, GOOD) for _ in range(WAITING + 2)))
        assert {error.code for error in errors} == {ErrorCode.WORKER_BUSY}
        assert any(str(WAITING) in error.message for error in errors)
    finally:
        await reader.close()


async def test_a_caller_that_leaves_does_not_leave_its_picture_to_the_next() -> None:
    reader = PictureReader(read_s=60, turn_s=60)
    try:
        leaving = asyncio.create_task(reader.read(saved(quarters(2000, 1000), "PNG"), 1024))
        await asyncio.sleep(0.05)
        leaving.cancel()
        assert (await reader.read(GOOD, 1024)).width == 320
    finally:
        await reader.close()


async def test_a_closed_reader_says_so() -> None:
    reader = PictureReader()
    await reader.close()
    assert (await refusal(reader, GOOD)).code is ErrorCode.WORKER_DRAINING


async def test_a_bomb_is_refused_and_the_child_stays() -> None:
    reader = PictureReader(read_s=60, turn_s=60)
    try:
        await reader.read(GOOD, 1024)
        before = reader.pid
        assert "Send it smaller" in (await refusal(reader, png(20_000, 20_000))).message
        assert reader.pid == before
    finally:
        await reader.close()
