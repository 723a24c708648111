"""One life of a child: what it says is taken, silence and garbage end it, and its end is told in words."""

import asyncio
import logging
import os
import signal
import sys

import pytest

from worker.subprocesses.codec import Garbled
from worker.subprocesses.life import Life
from worker.subprocesses.parent import ChildProcess

log = logging.getLogger("supernet.test")


async def lived(code: str, silent_s: float = 60.0) -> tuple[Life, list[bytes], str]:
    child = await ChildProcess.start((sys.executable, "-c", code), log, 1000)
    taken: list[bytes] = []

    def take(line: bytes) -> None:
        if line.startswith(b"garbage"):
            raise Garbled("of no known type")
        taken.append(line)

    def overdue(life: Life) -> str | float:
        left = life.silent_for(silent_s)
        return left if left > 0 else "too silent"

    life = Life(child, take, lambda: asyncio.sleep(0), overdue, 1.0)
    return life, taken, await life.run(10.0)


async def test_what_it_says_is_taken_in_order_until_it_ends() -> None:
    life, taken, end = await lived("print('a'); print('b'); raise SystemExit(3)")
    assert (taken, end, life.fault) == ([b"a\n", b"b\n"], "exited with status 3", "")


async def test_silence_over_the_limit_ends_it() -> None:
    life, _, end = await lived("import time; print('a', flush=True); time.sleep(600)", silent_s=1.0)
    assert "SIGKILL" in end and life.fault == "too silent"


async def test_what_is_no_event_ends_it() -> None:
    life, taken, end = await lived("import time; print('garbage', flush=True); time.sleep(600)")
    assert "SIGKILL" in end and "no event" in life.fault and not taken
    life, _, _ = await lived("import time; print('x' * 5000, flush=True); time.sleep(600)")
    assert "no event" in life.fault


@pytest.mark.parametrize("turns", range(8))
async def test_who_is_cancelled_just_as_it_ends_leaves_no_child(turns: int) -> None:
    code = "import os, signal; os.close(1); signal.pause()"
    child = await ChildProcess.start((sys.executable, "-c", code), log, 1000)
    living = asyncio.create_task(Life(child, lambda _: None, lambda: asyncio.sleep(0), lambda _: 60.0, 1.0).run(0.0))
    while not child._stdout.at_eof():  # noqa: ASYNC110 - the very turn of the loop
        await asyncio.sleep(0)
    for _ in range(turns):
        await asyncio.sleep(0)
    living.cancel()
    await asyncio.wait({living})
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)
    assert child.killed_by == signal.SIGKILL, "asyncio knows of its end"
