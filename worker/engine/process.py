"""The engine in a child process, and its supervisor: a crash, an abort or a hang ends the child, never the daemon."""

import asyncio
import logging
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from wire.errors import ErrorCode
from worker.engine.mailbox import Mailbox
from worker.engine.pipe import FROM_ENGINE, MAX_EVENT_BYTES, TO_ENGINE
from worker.engine.port import Command, Down, Ended, EngineSpec, Event, Ready, Stepped, Submit
from worker.engine.restart import RestartPolicy, machines_fault
from worker.issues import ISSUES
from worker.subprocesses.codec import Garbled
from worker.subprocesses.parent import ChildProcess, LineTooLong, Unkillable

log = logging.getLogger("supernet.engine")

CHILD = (sys.executable, "-m", "worker.engine.child")


@dataclass(frozen=True)
class Patience:
    """Seconds of silence after which the engine counts as hung, and seconds that it has to end by itself."""

    loading_s: float = (
        300.0  # a child that computes says so meanwhile (child.Progress), also while kernels are compiled
    )
    silent_s: float = 20.0  # a step cannot pulse; the loop keeps each under 5 s (loop.LONGEST_STEP_S)
    close_s: float = 5.0


PATIENCE = Patience()


class ProcessEngine:
    """The Engine of port.py over a child process. The child is started when `events` is first read.

    Event order: Loading..., Ready, then steps; at a crash one Down that names the jobs lost, then Loading again, unless
    it is given up: after too many crashes, or because the machine is at fault (restart.machines_fault). A Submit that
    finds no ready engine is answered by Ended(failed, model_not_loaded): it has crashed nothing, so it must not count
    towards a request that does.
    """

    def __init__(
        self,
        spec: EngineSpec,
        *,
        command: Sequence[str] = CHILD,
        patience: Patience = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._spec = replace(spec, path=os.path.abspath(spec.path))  # the child has another working directory
        self._command = command
        self._patience = patience
        self._clock = clock
        self._sleep = sleep
        self._policy = RestartPolicy()
        self._mail = Mailbox()
        self._jobs: dict[str, None] = {}  # in the engine now, in order of arrival
        self._child: ChildProcess | None = None
        self._pid: int | None = None
        self._ready_since: float | None = None
        self._proven = False  # a job got a token, in any life
        self._heard: float | None = None  # when the child last spoke; None: we are behind in reading it
        self._fault = ""  # why we ended the child, or its own last words
        self._named = ""  # the row of issues.py that it named in them
        self._task: asyncio.Task[None] | None = None

    def send(self, command: Command) -> None:
        if self._child is not None and self._ready_since is not None:
            try:
                sent = self._child.write(TO_ENGINE.encode(command))
            except Garbled as error:
                self._refuse(command, ErrorCode.INVALID_REQUEST, f"the request is too large for the engine: {error}")
                return
            if sent:
                if isinstance(command, Submit):
                    self._jobs[command.job] = None
                return
        self._refuse(command, ErrorCode.MODEL_NOT_LOADED, "the engine is not running: try another worker")

    async def events(self) -> AsyncIterator[Event]:
        """For one reader. Raises what the supervisor died of, should it have a bug."""
        if self._task is None:
            self._task = asyncio.create_task(self._supervise(), name=f"engine {os.path.basename(self._spec.path)}")
            self._task.add_done_callback(lambda _: self._mail.close())
        async for event in self._mail.read():
            yield event
        if self._task.done() and not self._task.cancelled():
            self._task.result()

    async def close(self) -> None:
        """Jobs that still run are answered by Ended(failed, worker_draining). Returns when the child is gone."""
        for job in self._jobs:
            self._mail.put(Ended(job, "failed", code=ErrorCode.WORKER_DRAINING, message="the engine was closed"))
        self._jobs.clear()
        self._mail.close()
        if self._task is None:
            return
        if (child := self._child) is not None:
            child.hang_up()
            await asyncio.wait({self._task}, timeout=self._patience.close_s)
            child.kill()
        self._task.cancel()  # it may be between two lives of the child
        await asyncio.wait({self._task})

    def _refuse(self, command: Command, code: ErrorCode, message: str) -> None:
        # the other commands speak of a job that Down or Ended has already named
        if isinstance(command, Submit):
            self._mail.put(Ended(command.job, "failed", code=code, message=message))

    @property
    def pid(self) -> int | None:
        """Of the child that lives now, or is about to end: until then it holds memory of the GPU."""
        return self._pid

    # ---- the supervisor ----------------------------------------------------------------------------------------------

    async def _supervise(self) -> None:
        while True:
            try:
                end, problem = await self._live()
            except Unkillable as error:
                end, problem = f"the engine cannot be ended: {error}", "driver_hangs"
            if self._mail.closed:
                return
            retry = None if problem else self._policy.crashed(self._clock(), self._ready_since)
            jobs = tuple(self._jobs)
            self._jobs.clear()
            self._ready_since = None
            message = end if problem or retry is not None else f"{end}; given up after too many crashes"
            log.error("%s", message)
            self._mail.put(Down(message, jobs, jobs[0] if len(jobs) == 1 else None, retry, problem))
            if retry is None:
                await self._mail.closing()
                return
            await self._sleep(retry)

    async def _live(self) -> tuple[str, str]:
        """One life of the child; returns how it ended, and the row of issues.py if that is the machine's fault. Raises
        Unkillable."""
        self._fault = self._named = ""
        self._heard = self._clock()
        try:
            child = await ChildProcess.start(self._command, log, MAX_EVENT_BYTES)
        except OSError as error:
            return f"the engine process could not be started: {error}", "engine_not_loaded"
        self._child, self._pid = child, child.pid
        child.write(TO_ENGINE.encode(self._spec))
        listening = asyncio.create_task(self._listen(child), name=f"listen to {child.pid}")
        watch = asyncio.create_task(self._watch(child), name=f"watch {child.pid}")
        try:
            await asyncio.wait({listening, watch}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._child = None
            watch.cancel()
            listening.cancel()  # a killed child that waits in the kernel never closes its end of the pipe
            await asyncio.wait({listening, watch})
            end = await child.end(self._patience.close_s)
            self._pid = None
        for task in (listening, watch):
            if not task.cancelled():
                task.result()
        problem = machines_fault(
            ready=self._ready_since is not None,
            at_work=bool(self._jobs),
            proven=self._proven,
            crashed=child.crashed,
            said=self._named,
        )
        why = self._fault or child.last_words
        return f"the engine process {end}" + (f": {why}" if why else ""), problem

    async def _listen(self, child: ChildProcess) -> None:
        try:
            while (line := await child.read()) is not None:
                self._take(FROM_ENGINE.decode(line))
                self._heard = None
                await self._mail.room()
                self._heard = self._clock()
        except (Garbled, LineTooLong) as error:
            self._fault = f"it wrote what is no event: {error}"
            child.kill()

    def _take(self, event: Event) -> None:
        match event:
            case Down():
                # the Down that counts is made when it is gone; a child that is not itself any more may name anything
                self._fault, self._named = event.message, event.problem if event.problem in ISSUES else ""
                return
            case Ready():
                self._ready_since = self._clock()
            case Stepped():
                self._proven = True
            case Ended():
                self._jobs.pop(event.job, None)
            case _:
                pass
        self._mail.put(event)

    async def _watch(self, child: ChildProcess) -> None:
        """Kill a child that is silent for too long. Sleeps no longer than the shorter limit, which Ready sets."""
        while True:
            limit = self._patience.loading_s if self._ready_since is None else self._patience.silent_s
            left = limit if self._heard is None else self._heard + limit - self._clock()
            if left <= 0:
                self._fault = f"it was silent for {limit:.0f} s"
                child.kill()
                return
            await self._sleep(min(left, self._patience.silent_s))
