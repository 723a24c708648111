"""Pictures read in a child process: what a stranger's file does to its decoder, it does there.

The child is started by the first picture and stays. It has one file at a time, each in a copy of itself: nothing that
a file does reaches the next one; what ends the child all the same is no fault of the file's, as far as is known here.
"""

import asyncio
import logging
import sys
from collections.abc import Sequence

from wire.errors import ErrorCode, SupernetError
from worker.pictures.pipe import FROM_READER, TO_READER, File, Pixels
from worker.subprocesses.codec import MAX_LINE_BYTES, Garbled
from worker.subprocesses.parent import ChildProcess, LineTooLong, Unkillable

log = logging.getLogger("supernet.pictures")

CHILD = (sys.executable, "-m", "worker.pictures.child")
WAITING = 64  # pictures, the one in the child included
TURN_S = 10.0  # for those before it
READ_S = 10.0  # of one, the start of the child included; its processor time has a bound of its own
CLOSE_S = 2.0


class PictureReader:
    """Reads one picture after another. `close` ends the child."""

    def __init__(self, *, command: Sequence[str] = CHILD, read_s: float = READ_S, turn_s: float = TURN_S) -> None:
        self._command = command
        self._read_s = read_s
        self._turn_s = turn_s
        self._child: ChildProcess | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The id of the child's process; None: there is none."""
        return None if self._child is None else self._child.pid

    async def read(self, data: bytes, most: int) -> Pixels:
        """The picture of at most `most` tokens. Raises SupernetError: invalid_request with the end of a sentence that
        begins with which picture it is; worker_busy where another worker may do better; worker_draining.

        Takes at most `turn_s` and `read_s` seconds.
        """
        if self._waiting >= WAITING:
            raise SupernetError(ErrorCode.WORKER_BUSY, f"{WAITING} pictures wait to be read: try another worker")
        line = TO_READER.encode(File(data, most))
        self._waiting += 1
        try:
            async with asyncio.timeout(self._turn_s):
                await self._turn.acquire()
        except TimeoutError:
            message = "pictures before this one take long to read: try another worker"
            raise SupernetError(ErrorCode.WORKER_BUSY, message) from None
        finally:
            self._waiting -= 1
        try:
            return await self._exchange(line)
        finally:
            self._turn.release()

    async def close(self) -> None:
        """End the child; pictures that wait are refused with SupernetError (worker_draining)."""
        self._closed = True
        if self._child is not None:
            self._child.kill()
        async with self._turn:
            await self._end()

    async def _exchange(self, line: bytes) -> Pixels:
        whole = False
        try:
            async with asyncio.timeout(self._read_s):
                child = await self._open()
                child.write(line)
                told = await child.read()
            if told is not None:
                answer = FROM_READER.decode(told)
                whole = True
                if isinstance(answer, Pixels):
                    return answer
                raise SupernetError(ErrorCode.INVALID_REQUEST, answer.why, param="messages")
            why = "ended"
        except (OSError, TimeoutError, Garbled, LineTooLong) as error:
            why = f"{type(error).__name__}: {error}"
        finally:
            if not whole:  # a caller that was cancelled too: the child's next answer would be to its picture
                await self._end()
        if self._closed:
            raise SupernetError(ErrorCode.WORKER_DRAINING, "the worker is leaving")
        log.error("the reader of pictures %s; its request goes elsewhere", why)
        raise SupernetError(ErrorCode.WORKER_BUSY, "the worker cannot read pictures now: try another worker")

    async def _open(self) -> ChildProcess:
        if self._closed:
            raise SupernetError(ErrorCode.WORKER_DRAINING, "the worker is leaving")
        if self._child is None or not self._child.alive:
            await self._end()
            self._child = await ChildProcess.start(self._command, log, MAX_LINE_BYTES)
        return self._child

    async def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        try:
            await child.end(CLOSE_S)
        except Unkillable as error:
            log.error("the reader of pictures cannot be ended: %s", error)
