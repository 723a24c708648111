"""Lines to and from a child process, and its end."""

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys

import pytest

from worker.subprocesses import parent
from worker.subprocesses.parent import UNREAD_BYTES, ChildProcess, LineTooLong, Unkillable

LOG = logging.getLogger("test child")


async def start(code: str, limit: int = 1000) -> ChildProcess:
    return await ChildProcess.start((sys.executable, "-c", code), LOG, limit)


ECHO = "import sys\nfor line in sys.stdin: print(line, end='', flush=True)"


async def test_lines_go_there_and_back_until_it_is_hung_up() -> None:
    child = await start(ECHO)
    assert child.alive and child.write(b"one\n") and child.write(b"two\n")
    assert [await child.read(), await child.read()] == [b"one\n", b"two\n"]
    child.hang_up()
    assert await child.read() is None
    assert await child.end(60) == "exited with status 0"
    assert not child.alive and not child.write(b"three\n")


async def test_a_terminal_s_ctrl_c_does_not_reach_a_child_that_has_just_begun() -> None:
    child = await start(ECHO)
    assert os.getpgid(child.pid) != os.getpgid(0)
    await child.end(60)


async def test_a_line_over_the_limit_is_an_error() -> None:
    child = await start("print('x' * 100_000)", limit=100)
    with pytest.raises(LineTooLong):
        await child.read()
    assert await child.end(60) == "exited with status 0"


async def test_the_end_comes_with_output_that_nobody_has_read() -> None:
    child = await start("import sys; sys.stdin.read(); print('x' * 1_000_000)", limit=100)
    assert await child.end(60) == "exited with status 0"


async def test_the_processor_time_of_a_child_is_its_own_and_that_of_its_ended_children() -> None:
    burn = "import os, sys, time\nif not os.fork():\n while time.process_time() < 0.3: pass\n os._exit(0)\nos.wait()"
    child = await start(f"{burn}\nprint('done', flush=True); sys.stdin.read()")
    await child.read()
    assert child.processor_s > 0.2
    await child.end(60)
    assert child.processor_s == 0


async def test_a_kill_takes_no_exit_status_from_who_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that ended a moment before was told as "exited with status 255", and its signal was lost."""
    child = await start("import signal; print('up', flush=True); signal.pause()")
    assert await child.read() == b"up\n"
    with monkeypatch.context() as looked:
        looked.setattr(subprocess.Popen, "poll", lambda self: pytest.fail("the status was asked for"))
        child.kill()
    assert "SIGKILL" in await child.end(60)


async def test_who_does_not_leave_is_killed_and_reaped() -> None:
    child = await start("import signal; print('up', flush=True); signal.pause()")
    assert await child.read() == b"up\n"
    assert "SIGKILL" in await child.end(0.01)
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)


async def test_who_is_cancelled_while_it_ends_a_child_leaves_no_child() -> None:
    child = await start("import signal; print('up', flush=True); signal.pause()")
    await child.read()
    ending = asyncio.create_task(child.end(1000))
    await asyncio.sleep(0)
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)


@pytest.mark.parametrize("turns", range(1, 7))
async def test_who_is_cancelled_again_while_it_puts_a_child_down_leaves_none_either(turns: int) -> None:
    """`close` of an engine cancels who ends the child at the moment at which its time is over, too."""
    child = await start("import signal; print('up', flush=True); signal.pause()")
    await child.read()
    ending = asyncio.create_task(child.end(0))
    for _ in range(2):
        for _ in range(turns):
            await asyncio.sleep(0)
        ending.cancel()
    await asyncio.wait({ending})
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)
    assert child.killed_by == signal.SIGKILL, "asyncio knows of its end"


async def test_a_child_that_does_not_read_is_not_written_to_without_end() -> None:
    child = await start("import signal; signal.pause()")
    line = b"x" * (8 << 20) + b"\n"
    written = 0
    while child.write(line):
        written += len(line)
        assert written <= UNREAD_BYTES + 2 * len(line)
    child.kill()
    await child.end(60)


async def test_who_waits_for_a_child_to_read_waits_until_it_has_or_is_gone() -> None:
    lines = "import sys\nsys.stdin.readline()\nfor line in sys.stdin: print(len(line), flush=True)"
    child = await start(lines)
    child.write(b"x" * (8 << 20) + b"\n")
    await child.drained()
    assert child._stdin.transport.get_write_buffer_size() < 1 << 20
    child.kill()
    await child.end(60)
    await child.drained()
    deaf = await start("import signal; signal.pause()")
    deaf.write(b"x" * (8 << 20) + b"\n")
    waiting = asyncio.create_task(deaf.drained())
    await asyncio.sleep(0)
    assert not waiting.done()
    deaf.kill()
    await deaf.end(60)
    await waiting


async def test_its_last_words_are_logged_without_an_end_of_line_too(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="test child"):
        child = await start(r"import sys; sys.stderr.buffer.write(b'first\nGGML_ASSERT \xff'); sys.exit(3)")
        assert await child.end(60) == "exited with status 3"
    assert [record.message for record in caplog.records] == ["first", "GGML_ASSERT �"]


async def test_the_last_words_of_a_crash_are_its_reason_and_no_stack() -> None:
    code = r"""
import faulthandler, os, sys
faulthandler.enable()
for number in range(9): print("warning", number, file=sys.stderr)
print("ggml.c:12: GGML_ASSERT(x) failed", file=sys.stderr, flush=True)
os.write(2, b"/lib/libggml.so(+0x12)[0x7f]\n#0 0x7f in main\n")
os.abort()"""
    child = await start(code)
    assert "signal 6 (SIGABRT)" in await child.end(60)
    assert child.crashed and child.killed_by == 6
    said = child.last_words.split("; ")
    assert said == ["warning 8", "ggml.c:12: GGML_ASSERT(x) failed", "Fatal Python error: Aborted"]


async def test_what_was_said_long_before_the_end_is_no_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parent, "LAST_WORDS_S", -1.0)
    child = await start("import sys; sys.stderr.write('a warning of the load\n'); sys.exit(1)")
    await child.end(60)
    assert child.last_words == "" and not child.crashed


async def test_a_child_that_the_kernel_cannot_end_is_waited_for_with_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    child = await start("import signal; print('up', flush=True); signal.pause()")
    await child.read()
    monkeypatch.setattr(parent, "KILLED_S", 0.05)
    monkeypatch.setattr(ChildProcess, "kill", lambda self: None)  # as a process in state D takes it
    with pytest.raises(Unkillable, match="driver hangs"):
        await child.end(0.01)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child.pid, signal.SIGKILL)
    async with asyncio.timeout(60):
        await child._process.wait()  # or it ends in the middle of another test
