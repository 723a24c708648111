import asyncio
import os
import signal
import threading

import pytest

from worker.daemon.threads import at_signals, in_thread, until_signal


async def test_a_result_comes_back_from_a_thread_of_its_own() -> None:
    assert await in_thread(lambda: threading.current_thread().name, "mine") == "mine"


async def test_what_it_raises_is_raised_where_it_is_awaited() -> None:
    def fail() -> None:
        raise OSError("no driver")

    with pytest.raises(OSError, match="no driver"):
        await in_thread(fail, "mine")


async def test_a_thread_that_hangs_is_left_behind() -> None:
    held = threading.Event()
    task = asyncio.create_task(in_thread(held.wait, "hangs"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    held.set()


async def test_a_signal_ends_the_waiting_for_work_that_takes_hours(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "supernet.serve")
    started, held = threading.Event(), threading.Event()

    def work() -> str:
        started.set()
        held.wait()
        return "done"

    task = asyncio.create_task(until_signal(work, "hours"))
    await asyncio.to_thread(started.wait)
    os.kill(os.getpid(), signal.SIGTERM)
    assert await task is None
    held.set()
    assert "a signal came before a model was ready" in caplog.text


async def test_work_that_ends_before_a_signal_gives_its_result() -> None:
    assert await until_signal(lambda: 7, "short") == 7


async def test_signals_do_afterwards_what_they_did_before() -> None:
    came: list[int] = []
    numbers, asked = (signal.SIGTERM, signal.SIGINT), asyncio.Event()
    before = [signal.signal(number, lambda number, _: came.append(number)) for number in numbers]
    try:
        with at_signals(asked.set):
            os.kill(os.getpid(), signal.SIGTERM)
            await asked.wait()
        assert not came
        for number in numbers:
            os.kill(os.getpid(), number)
        assert came == list(numbers)
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
