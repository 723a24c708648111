"""The pipeline in a child process, and its supervisor: a crash, an abort or a hang ends the child, never the daemon."""

import asyncio
import logging
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory

from wire.errors import ErrorCode
from worker.engine.mailbox import Mailbox
from worker.engine.restart import RestartPolicy, machines_fault
from worker.issues import ISSUES
from worker.media_engine.pipe import FROM_PIPELINE, MAX_EVENT_BYTES, TO_PIPELINE
from worker.media_engine.port import Command, Down, Ended, Event, Made, PipelineSpec, Ready, Render
from worker.subprocesses.codec import Garbled
from worker.subprocesses.life import Life
from worker.subprocesses.parent import ChildProcess, Unkillable

log = logging.getLogger("supernet.media")

CHILD = (sys.executable, "-m", "worker.media_engine.child")


@dataclass(frozen=True)
class Timeouts:
    """Seconds that the pipeline may take to load, of silence after which it counts as hung, that a cancelled job has to
    end, and that the child has to end by itself."""

    loading_s: float = 1800.0  # sixty gigabytes from a slow disk

    silent_s: float = 60.0  # it says every second that it lives, but not while a library holds the interpreter
    cancel_s: float = 20.0  # a step, or the decoder, which cannot be left
    close_s: float = 5.0


TIMEOUTS = Timeouts()


class ProcessMediaEngine:
    """The MediaEngine of port.py over a child process, which is started when `events` is first read.

    Event order: Loading..., Ready, then what the jobs say; at a crash one Down that names the jobs lost, then Loading
    again, unless it is given up: after too many crashes, or because the machine is at fault (restart.machines_fault).
    """

    def __init__(
        self,
        spec: PipelineSpec,
        *,
        command: Sequence[str] = CHILD,
        timeouts: Timeouts = TIMEOUTS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._spec = replace(spec, folder=os.path.abspath(spec.folder))  # the child has another working directory
        self._command, self._timeouts = command, timeouts
        self._clock, self._sleep = clock, sleep
        self._policy = RestartPolicy()
        self._mail: Mailbox[Event] = Mailbox()
        self._jobs: dict[str, None] = {}  # in the child now, in order of arrival: the first runs
        self._leaving: dict[str, float] = {}  # cancelled jobs, and when they have to have ended
        self._child: ChildProcess | None = None
        self._began = 0.0  # this life
        self._ready_since: float | None = None
        self._proven = False  # it made something, in any life
        self._said = Down("")  # the last words of the child
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id; None: there is none."""
        return None if self._child is None else self._child.pid

    def send(self, command: Command) -> None:
        """Write a command to the child; a Render that cannot be written is answered by an Ended event."""
        if isinstance(command, Render):
            self._render(command)
        elif command.job in self._jobs and self._child is not None:
            self._child.write(TO_PIPELINE.encode(command))
            self._leaving.setdefault(command.job, self._clock() + self._timeouts.cancel_s)

    async def events(self) -> AsyncIterator[Event]:
        """Yield the events of the child, as `MediaEngine.events` promises."""
        if self._task is None:
            self._task = asyncio.create_task(self._supervise(), name=f"media {self._spec.model.id}")
            self._task.add_done_callback(lambda _: self._mail.close())
        async for event in self._mail.read():
            yield event
        if self._task.done() and not self._task.cancelled():
            self._task.result()

    async def close(self) -> None:
        """End the child, as `MediaEngine.close` promises."""
        for job in self._jobs:
            self._mail.put(Ended(job, "failed", ErrorCode.WORKER_DRAINING, "the engine was closed"))
        self._jobs.clear()
        self._mail.close()
        if self._task is None:
            return
        if (child := self._child) is not None:
            child.hang_up()
            if self._ready_since is None:  # it loads, hears nothing meanwhile, and has nothing to finish
                child.kill()
            try:
                await asyncio.wait({self._task}, timeout=self._timeouts.close_s)
            finally:  # also when a second signal cancels the wait
                child.kill()
        self._task.cancel()  # it may be between two lives of the child
        await asyncio.wait({self._task})

    # ---- the supervisor ----------------------------------------------------------------------------------------------

    def _render(self, render: Render) -> None:
        code, message = ErrorCode.MODEL_NOT_LOADED, "the pipeline is not running: try another worker"
        if self._child is not None and self._ready_since is not None:
            try:
                if self._child.write(TO_PIPELINE.encode(render)):
                    self._jobs[render.job] = None
                    return
            except Garbled as error:
                code, message = ErrorCode.INVALID_REQUEST, f"the request is too large for the pipeline: {error}"
        self._mail.put(Ended(render.job, "failed", code, message))

    async def _supervise(self) -> None:
        while True:
            try:
                end, problem = await self._live()
            except Unkillable as error:
                end, problem = f"the pipeline cannot be ended: {error}", "driver_hangs"
            if self._mail.closed:
                return
            retry = None if problem else self._policy.crashed(self._clock(), self._ready_since)
            jobs = tuple(self._jobs)
            self._jobs.clear()
            self._leaving.clear()
            self._ready_since = None
            message = end if problem or retry is not None else f"{end}; given up after too many crashes"
            log.error("%s", message)
            self._mail.put(Down(message, jobs, jobs[0] if jobs else None, retry, problem))
            if retry is None:
                await self._mail.closing()
                return
            await self._sleep(retry)

    async def _live(self) -> tuple[str, str]:
        """One life of the child; returns how it ended, and the row of issues.py if that is the machine's fault. Raises
        Unkillable."""
        try:
            scratch = TemporaryDirectory(prefix="supernet-media-", ignore_cleanup_errors=True)
        except OSError as error:
            return f"the pipeline's process has no folder of its own: {error}", "engine_not_loaded"
        with scratch as folder:
            return await self._live_in(folder)

    async def _live_in(self, scratch: str) -> tuple[str, str]:
        self._said = Down("")
        try:
            child = await ChildProcess.start(self._command, log, MAX_EVENT_BYTES)
        except OSError as error:
            return f"the pipeline's process could not be started: {error}", "engine_not_loaded"
        self._child, self._began = child, self._clock()
        child.write(TO_PIPELINE.encode(replace(self._spec, scratch=scratch)))
        timing = (self._clock, self._sleep)
        life = Life(child, self._take, self._mail.room, self._overdue, self._timeouts.cancel_s / 4, *timing)
        try:
            end = await life.run(self._timeouts.close_s)
        finally:
            self._child = None
        problem = machines_fault(
            ready=self._ready_since is not None,
            at_work=bool(self._jobs),
            proven=self._proven,
            crashed=child.crashed,
            said=self._said.problem if self._said.problem in ISSUES else "",
        )
        why = life.fault or self._said.message or child.last_words
        return f"the pipeline's process {end}" + (f": {why}" if why else ""), problem

    def _take(self, line: bytes) -> None:
        event = FROM_PIPELINE.decode(line)
        match event:
            case Down():  # the Down that counts is made when it is gone
                self._said = event
                return
            case Ready():
                self._ready_since = self._ready_since or self._clock()
            case Made():
                self._proven = True
            case Ended():
                self._jobs.pop(event.job, None)
                self._leaving.pop(event.job, None)
                self._next_has_its_time()
            case _:
                pass
        self._mail.put(event)

    def _next_has_its_time(self) -> None:
        """A job that was cancelled while it waited has its seconds from its turn on."""
        if (runs := next(iter(self._jobs), "")) in self._leaving:
            self._leaving[runs] = self._clock() + self._timeouts.cancel_s

    def _overdue(self, life: Life) -> str | float:
        silent = life.silent_for(self._timeouts.silent_s)
        if silent <= 0:
            return f"it was silent for {self._timeouts.silent_s:.0f} s"
        loading = float("inf") if self._ready_since else self._began + self._timeouts.loading_s - self._clock()
        if loading <= 0:
            return f"it was not loaded in {self._timeouts.loading_s:.0f} s"
        runs = next(iter(self._jobs), "")
        leaving = self._leaving.get(runs, float("inf")) - self._clock()
        if leaving <= 0:
            return f"a cancelled job did not end in {self._timeouts.cancel_s:.0f} s"
        return min(silent, loading, leaving)
