import asyncio
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from program.interrupts import terminated_is_interrupted


@pytest.fixture(params=["default", "ignored"])
def before(request: pytest.FixtureRequest) -> Iterator[None]:
    """What SIGINT does: as a terminal has it, and in a shell's background."""
    handler = signal.default_int_handler if request.param == "default" else signal.SIG_IGN
    old = signal.signal(signal.SIGINT, handler)
    yield
    signal.signal(signal.SIGINT, old)


def test_sigterm_interrupts_as_ctrl_c_does(before: None) -> None:
    was = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), terminated_is_interrupted():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is was


def test_what_runs_in_a_loop_is_cancelled_and_ends_in_order(before: None) -> None:
    ended = []

    async def work() -> None:
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGTERM)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # the loop still runs
            ended.append(True)

    with pytest.raises(KeyboardInterrupt), terminated_is_interrupted():
        asyncio.run(work())
    assert ended


def test_in_another_thread_nothing_changes() -> None:
    def work() -> str:
        with terminated_is_interrupted():
            return "done"

    was = signal.getsignal(signal.SIGTERM)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(work).result() == "done"
    assert signal.getsignal(signal.SIGTERM) is was
