"""Requests made ready in a child process of their own: a template or a tokeniser may crash or hang on hostile text.

The child holds the vocabulary only. It has one request at a time, so it is known which one broke it; that one is
refused for good, because another worker would break on it too, and those behind it go to a new child. What the machine
did (memory that ran out, a child that was stopped, swapped out or starved) is no request's fault: it goes elsewhere.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from wire.catalog import ChatFormat
from wire.chat import ChatRequest
from wire.errors import ErrorCode, SupernetError
from worker.chat.prepared import Prepared, Seen
from worker.preparer.pipe import FROM_PREPARER, TO_PREPARER, Check, Checked, Opened, Prepare, PreparerSpec, Refused
from worker.subprocesses.codec import MAX_LINE_BYTES, Garbled
from worker.subprocesses.parent import ChildProcess, LineTooLong, Unkillable

log = logging.getLogger("supernet.preparer")

CHILD = (sys.executable, "-m", "worker.preparer.child")
WAITING = 64  # requests, the one in the child included
OPEN_S = 120.0  # to start and to read the vocabulary of a large file from a slow disk
# A coordinator waits 10 s for an answer to its offer, and then rests the worker. So both together are less: a request
# that hangs the child is refused for good, and those behind it are sent elsewhere, before this worker is blamed.
TURN_S = 4.0
PREPARE_S = 5.0
WORKED = 0.5  # of that time the child must have had a processor: less, and it was the machine that took long
CLOSE_S = 2.0


class Preparer:
    """One model's preparer. The child is started by the first request, or by `start`, and again after it died."""

    def __init__(
        self,
        path: str,
        context: int,
        format: ChatFormat,
        *,
        command: Sequence[str] = CHILD,
        prepare_s: float = PREPARE_S,
        turn_s: float = TURN_S,
    ) -> None:
        self._spec = PreparerSpec(os.path.abspath(path), context, format)
        self._command = command
        self._prepare_s = prepare_s
        self._turn_s = turn_s
        self._child: ChildProcess | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._exchange: asyncio.Task[None] | None = None
        self._closed = False
        self.sees = False  # once the child has been ready: the model's template shows it pictures

    @property
    def pid(self) -> int | None:
        """The id of the child's process; None: there is none."""
        return None if self._child is None else self._child.pid

    async def start(self) -> None:
        """Have the child ready before the first request. Raises SupernetError (model_not_loaded)."""
        async with self._turn:
            await self._open()

    async def prepare(self, request: ChatRequest, delivered: tuple[int, ...], seen: tuple[Seen, ...] = ()) -> Prepared:
        """Render and tokenise a request; `delivered` are the tokens of its answer so far, `seen` its pictures. See
        `chat.prompt.prepare`.

        Raises SupernetError with what the request is refused for, worker_busy where another worker may do better, or
        model_not_loaded. Takes at most TURN_S + PREPARE_S, and the time of starting a child. If the caller is cancelled
        the child still finishes this request: it has no way to drop it.
        """
        prepared = await self._in_turn(Prepare(request, delivered, seen))
        assert isinstance(prepared, Prepared), "a child that answers another question has not read its line"
        return prepared

    async def check(self, schema: dict[str, Any], text: str) -> tuple[str, ...]:
        """Return what of its schema a finished JSON text breaks, in sentences. Takes at most as long as `prepare`.

        Raises SupernetError if it could not be checked.
        """
        checked = await self._in_turn(Check(schema, text))
        assert isinstance(checked, Checked), "a child that answers another question has not read its line"
        return checked.faults

    async def _in_turn(self, asked: Prepare | Check) -> Prepared | Checked:
        if self._waiting >= WAITING:
            raise SupernetError(ErrorCode.WORKER_BUSY, f"{WAITING} requests wait to be prepared: try another worker")
        line = self._line(asked)
        answer: asyncio.Future[Prepared | Checked] = asyncio.get_running_loop().create_future()
        self._waiting += 1
        try:
            await self._take_turn()
            self._exchange = asyncio.create_task(self._serve(line, answer), name="prepare")
            self._exchange.add_done_callback(lambda _: self._turn.release())
            return await answer
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """End the child; requests that wait are refused with SupernetError (worker_draining)."""
        self._closed = True
        if self._child is not None:
            self._child.kill()
        async with self._turn:
            await self._end()

    # ---- one exchange ------------------------------------------------------------------------------------------------

    def _line(self, asked: Prepare | Check) -> bytes:
        try:
            return TO_PREPARER.encode(asked)
        except Garbled as error:
            raise SupernetError(ErrorCode.REQUEST_TOO_LARGE, f"the request is too large: {error}") from None

    async def _take_turn(self) -> None:
        try:
            async with asyncio.timeout(self._turn_s):
                await self._turn.acquire()
        except TimeoutError:
            message = "requests before this one take long to prepare: try another worker"
            raise SupernetError(ErrorCode.WORKER_BUSY, message) from None

    async def _serve(self, line: bytes, answer: asyncio.Future[Prepared | Checked]) -> None:
        """One turn of the child. A request that broke it is answered at once; the next in turn finds a new child."""
        try:
            prepared = await self._ask(line)
        except SupernetError as error:
            if not answer.done():
                answer.set_exception(error)
        else:
            if not answer.done():
                answer.set_result(prepared)
            return
        with contextlib.suppress(SupernetError):  # the next one tries again, and says what is wrong
            await self._open()

    async def _ask(self, line: bytes) -> Prepared | Checked:
        child = await self._open()
        why, alone, idle = "crashed the tokeniser or the template: send it without unusual text", False, False
        before_s = child.processor_s
        try:
            async with asyncio.timeout(self._prepare_s):
                child.write(line)
                answer = await self._answer(child)
            if isinstance(answer, Prepared | Checked):
                return answer
            if isinstance(answer, Refused):
                raise SupernetError(answer.code, answer.message, param=answer.param)
        except TimeoutError:
            idle = child.processor_s - before_s < WORKED * self._prepare_s
            why = f"took too long to prepare, more than {self._prepare_s:g} s: send less text, or simpler tools"
        except (Garbled, LineTooLong) as error:
            why = f"has no answer that can be read: {error}"
        else:
            alone = answer is None
        child.kill()
        end = await self._end()
        self._still_open()
        if alone and child.killed_by == signal.SIGKILL:  # by the kernel for want of memory, or by hand
            log.error("the preparer %s; its request goes elsewhere", end)
            raise SupernetError(ErrorCode.WORKER_BUSY, "the worker has no memory left: try another worker")
        if idle:
            log.error("the preparer got no processor and %s; its request goes elsewhere", end)
            raise SupernetError(ErrorCode.WORKER_BUSY, "the worker's machine stands still: try another worker")
        log.error("the preparer %s; its request is refused", end)
        raise SupernetError(ErrorCode.INVALID_REQUEST, f"This request {why}.")

    async def _open(self) -> ChildProcess:
        """The child, started anew if it is gone."""
        if self._child is not None and self._child.alive:
            return self._child
        await self._end()
        why = ""
        try:
            self._still_open()
            self._child = child = await ChildProcess.start(self._command, log, MAX_LINE_BYTES)
            self._still_open()
            child.write(TO_PREPARER.encode(self._spec))
            async with asyncio.timeout(OPEN_S):
                answer = await self._answer(child)
            if isinstance(answer, Opened):
                self.sees = answer.sees
                return child
            if isinstance(answer, Refused):
                why = answer.message
        except (OSError, TimeoutError, Garbled, LineTooLong) as error:
            why = f"{type(error).__name__}: {error}"
        if (gone := self._child) is not None:
            gone.kill()
            end = await self._end()
            why = why or f"the preparer {end}: {gone.last_words}"
        self._still_open()
        message = f"the vocabulary of {os.path.basename(self._spec.path)} cannot be used here: {why}"
        log.error("%s", message)
        raise SupernetError(ErrorCode.MODEL_NOT_LOADED, message)

    async def _answer(self, child: ChildProcess) -> Opened | Prepared | Checked | Refused | None:
        line = await child.read()
        return None if line is None else FROM_PREPARER.decode(line)

    async def _end(self) -> str:
        child, self._child = self._child, None
        try:
            return "" if child is None else await child.end(CLOSE_S)
        except Unkillable as error:  # it waits in the kernel, for a disk perhaps: the next one must not wait with it
            return f"cannot be ended: {error}"

    def _still_open(self) -> None:
        if self._closed:
            raise SupernetError(ErrorCode.WORKER_DRAINING, "the worker is leaving")
