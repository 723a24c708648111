"""A child process that talks in lines: started, written to, read from, and ended without leaving a zombie.

Both children of a model, the engine and the preparer, are driven through this one class.
"""

import asyncio
import contextlib
import logging
import os
import re
import signal
from collections import deque
from collections.abc import Sequence
from typing import Any

import psutil

from worker.subprocesses.environment import ROOT, environment
from worker.subprocesses.exit_status import describe

UNREAD_BYTES = 64 << 20  # four of the largest lines: a child that lets this much wait does not read
LOG_CHARS = 500
LOG_BURST = 200  # lines at once (a model that loads says about 100), then LOG_PER_S
LOG_PER_S = 10.0
LAST_WORDS = 3  # lines
LAST_WORDS_S = 10.0  # what it said longer ago is not what it died of
KILLED_S = 30.0  # a killed process that is there after so long waits in the kernel, for a driver that does not answer
CRASHES = frozenset(
    {signal.SIGILL, signal.SIGTRAP, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGSEGV, signal.SIGSYS}
)
# Of a crash's output what is no reason: stacks of Python (faulthandler), of glibc and of gdb, lists of modules.
_STACK = re.compile(r"\s|$|File \"|(Current t|T)hread 0x|Extension modules|#\d|\[|0x|\S+\(\S*\+0x|warning: ")


class LineTooLong(ValueError):
    """The child wrote more than the limit without ending a line."""


class Unkillable(Exception):
    """The child was killed and is still there: it waits in the kernel. Only a reboot ends it."""


class ChildProcess:
    """One life of a child. One task reads and ends it; `write`, `hang_up` and `kill` may be called from anywhere."""

    def __init__(self, process: asyncio.subprocess.Process, log: logging.Logger) -> None:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        self._process = process
        self._stdin, self._stdout = process.stdin, process.stdout
        self._said: deque[tuple[float, str]] = deque(maxlen=LAST_WORDS)
        self._stderr = asyncio.create_task(_pass_on(process.stderr, log, self._said), name=f"stderr of {process.pid}")

    @classmethod
    async def start(cls, command: Sequence[str], log: logging.Logger, limit: int) -> "ChildProcess":
        """Start the child. Raises OSError.

        `limit` is the longest line that it may write, in bytes.
        """
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            limit=limit,
            cwd=ROOT,
            env=environment(os.environ),
            start_new_session=True,  # a terminal's Ctrl-C may come before the child can ignore it
        )
        return cls(process, log)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def processor_s(self) -> float:
        """Seconds of processor time that it has had, with those of its own children that have ended; 0: it is gone."""
        try:
            times = psutil.Process(self.pid).cpu_times()
        except psutil.Error:
            return 0.0
        return float(times.user + times.system + times.children_user + times.children_system)

    @property
    def killed_by(self) -> int | None:
        """The signal that ended it; None: none did, or it lives."""
        status = self._process.returncode
        return -status if status is not None and status < 0 else None

    @property
    def crashed(self) -> bool:
        """Whether the child died of a signal of its own making, such as SIGSEGV or SIGABRT."""
        return self.killed_by in CRASHES

    @property
    def last_words(self) -> str:
        """What it wrote to stderr in its last seconds, without the stacks of a crash; whole once `end` has returned."""
        since = asyncio.get_running_loop().time() - LAST_WORDS_S
        return "; ".join(line for at, line in self._said if at >= since)

    @property
    def alive(self) -> bool:
        """False once its end has been noticed."""
        return self._process.returncode is None and not self._stdin.is_closing() and not self._stdout.at_eof()

    def write(self, line: bytes) -> bool:
        """Hand over a line; False if the child is gone or has too much unread, then nothing was written."""
        if self._stdin.is_closing() or self._stdin.transport.get_write_buffer_size() > UNREAD_BYTES:
            return False
        self._stdin.write(line)
        return True

    async def drained(self) -> None:
        """Return when next to nothing of what was written is unread, or the child is gone."""
        with contextlib.suppress(ConnectionError):
            await self._stdin.drain()

    async def read(self) -> bytes | None:
        """The next line, None at the end. A last line without an end was cut by the crash, and is not given."""
        try:
            return await self._stdout.readuntil(b"\n")
        except asyncio.IncompleteReadError:
            return None
        except asyncio.LimitOverrunError as error:
            raise LineTooLong("a line longer than the limit") from error

    def hang_up(self) -> None:
        """Close its stdin: it is to end by itself."""
        self._stdin.close()

    def kill(self) -> None:
        """SIGKILL, if it lives. Not by asyncio's own kill: Popen looks first whether the child has ended, and takes the
        exit status of one that just did from under asyncio, which then says 255 whatever ended it."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    async def end(self, timeout_s: float) -> str:
        """Hang up, wait, then kill; says how it ended. The reading task calls this, once, when it has read its last.

        Who is cancelled meanwhile, however often, kills it, and is let go when it is gone: a child that nobody waits
        for would outlive the loop that started it. Raises Unkillable.
        """
        ending = asyncio.create_task(self._end(timeout_s), name=f"end of {self.pid}")
        cancelled: asyncio.CancelledError | None = None
        while not ending.done():
            try:
                await asyncio.wait({ending})
            except asyncio.CancelledError as error:
                cancelled = error
                self.kill()
        end = ending.result()
        if cancelled is not None:
            raise cancelled
        return end

    async def _end(self, timeout_s: float) -> str:
        self.hang_up()
        over = asyncio.gather(self._drain(), self._process.wait())
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.shield(over)
        except TimeoutError:
            await self._put_down(over)
        except asyncio.CancelledError:  # the loop ends, and with it every task
            await self._put_down(over)
            raise
        finally:
            await asyncio.wait({self._stderr}, timeout=1)  # the last words; a grandchild might hold the pipe for ever
            self._stderr.cancel()
        return describe(self._process.returncode or 0)

    async def _put_down(self, over: "asyncio.Future[Any]") -> None:
        self.kill()
        await asyncio.wait({over}, timeout=KILLED_S)
        over.cancel()
        await asyncio.gather(over, return_exceptions=True)
        if self._process.returncode is None:
            self._process._transport.close()  # type: ignore[attr-defined]  # asyncio has no other way to its pipes
            raise Unkillable(f"process {self.pid} was killed and is still there: the driver hangs")

    async def _drain(self) -> None:
        # with unread output left the transport never sees the end of the pipe, and wait() may not return
        while await self._stdout.read(65536):
            pass


async def _pass_on(stream: asyncio.StreamReader, log: logging.Logger, said: deque[tuple[float, str]]) -> None:
    """Log what the child says, line by line; cut long lines, and swallow what comes too fast. The last ones that may be
    a reason are kept in `said` with their time, swallowed or not."""
    clock = asyncio.get_running_loop().time
    allowance, before, swallowed, rest = float(LOG_BURST), clock(), 0, b""
    while chunk := await stream.read(65536):
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > 65536:
            lines, rest = [*lines, rest], b""
        now = clock()
        allowance, before = min(LOG_BURST, allowance + (now - before) * LOG_PER_S), now
        for line in lines:
            _remember(line, now, said)
            if allowance < 1:
                swallowed += 1
                continue
            if swallowed:
                log.warning("%d lines swallowed: they came too fast", swallowed)
                swallowed = 0
            allowance -= 1
            log.info("%s", line[:LOG_CHARS].decode("utf-8", "replace"))
    if rest:
        _remember(rest, clock(), said)
        log.info("%s", rest[:LOG_CHARS].decode("utf-8", "replace"))


def _remember(line: bytes, now: float, said: deque[tuple[float, str]]) -> None:
    text = line[:LOG_CHARS].decode("utf-8", "replace")
    if not _STACK.match(text):
        said.append((now, text))
