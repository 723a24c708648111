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
from worker.engine.patience import LOOK_S, Patience
from worker.engine.pipe import FROM_ENGINE, MAX_EVENT_BYTES, TO_ENGINE
from worker.engine.port import Command, Down, Ended, EngineSpec, Event, Loading, Pulse, Ready, Stepped, Submit
from worker.engine.restart import RestartPolicy, machines_fault
from worker.issues import ISSUES
from worker.subprocesses.codec import Garbled
from worker.subprocesses.life import Life
from worker.subprocesses.parent import ChildProcess, Unkillable

log = logging.getLogger("supernet.engine")

CHILD = (sys.executable, "-m", "worker.engine.child")


@dataclass(frozen=True)
class Timeouts:
    """Seconds of silence after which the engine counts as hung, and seconds that it has to end by itself."""

    loading_s: float = 300.0  # a child that computes says so meanwhile (child.Progress), while kernels are compiled too
    silent_s: float = 20.0  # a step cannot pulse; the loop keeps each under 5 s. On a GPU Patience may give it more
    close_s: float = 5.0


TIMEOUTS = Timeouts()


class ProcessEngine:
    """The Engine of port.py over a child process. The child is started when `events` is first read.

    Event order: Loading..., Ready, then steps; at a crash one Down that names the jobs lost, then Loading again, unless
    it is given up: after too many crashes, or because the machine is at fault (restart.machines_fault). A child that
    dies of its projector is started anew at once, without one, and no Down tells of it: Ready.blind does. A Submit that
    finds no ready engine is answered by Ended(failed, model_not_loaded): it has crashed nothing, so it must not count
    towards a request that does.
    """

    def __init__(
        self,
        spec: EngineSpec,
        *,
        command: Sequence[str] = CHILD,
        timeouts: Timeouts = TIMEOUTS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        eyes = spec.projector and os.path.abspath(spec.projector)  # the child has another working directory
        self._spec = replace(spec, path=os.path.abspath(spec.path), projector=eyes)
        self._command = command
        self._timeouts = timeouts
        self._clock = clock
        self._sleep = sleep
        self._policy = RestartPolicy()
        self._mail: Mailbox[Event] = Mailbox()
        self._jobs: dict[str, None] = {}  # in the engine now, in order of arrival
        self._child: ChildProcess | None = None
        self._pid: int | None = None
        self._life: Life | None = None  # the last one
        self._ready_since: float | None = None
        self._patience = Patience(0.0, False, 0.0)  # of this life
        self._steps = 0  # that it has made in this life
        self._proven = False  # a job got a token, in any life
        self._at_eyes = False  # this life has loaded the model, and tries the projector
        self._blind = ""  # what the child died of that tried it; since then there is none
        self._fault = ""  # the child's own last words
        self._problem = ""  # the row of issues.py that it named in them
        self._task: asyncio.Task[None] | None = None

    def send(self, command: Command) -> None:
        """Write a command to the child; a Submit that cannot be written is answered by an Ended event."""
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

    async def drained(self) -> None:
        """Wait for the child to read, as `Engine.drained` promises."""
        if self._child is not None:
            await self._child.drained()

    async def events(self) -> AsyncIterator[Event]:
        """Yield the events of the child, as `Engine.events` promises."""
        if self._task is None:
            self._task = asyncio.create_task(self._supervise(), name=f"engine {os.path.basename(self._spec.path)}")
            self._task.add_done_callback(lambda _: self._mail.close())
        async for event in self._mail.read():
            yield event
        if self._task.done() and not self._task.cancelled():
            self._task.result()

    async def close(self) -> None:
        """End the child, as `Engine.close` promises."""
        for job in self._jobs:
            self._mail.put(Ended(job, "failed", code=ErrorCode.WORKER_DRAINING, message="the engine was closed"))
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

    def _refuse(self, command: Command, code: ErrorCode, message: str) -> None:
        # the other commands speak of a job that Down or Ended has already named
        if isinstance(command, Submit):
            self._mail.put(Ended(command.job, "failed", code=code, message=message))

    @property
    def pid(self) -> int | None:
        """The child's process id until it is gone: even while it ends it holds memory of the GPU. None: no child."""
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
            if self._at_eyes and problem != "driver_hangs":
                self._blind = f"while the projector was tried, {end}"
                self._spec = replace(self._spec, projector=None)
                log.error("%s; it is started again without", self._blind)
                continue
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
        self._fault, self._problem, self._at_eyes, self._steps = "", "", False, 0
        self._patience = Patience(self._timeouts.silent_s, bool(self._spec.devices), self._clock())
        try:
            child = await ChildProcess.start(self._command, log, MAX_EVENT_BYTES)
        except OSError as error:
            return f"the engine process could not be started: {error}", "engine_not_loaded"
        self._child, self._pid = child, child.pid
        child.write(TO_ENGINE.encode(self._spec))
        timing = (self._timeouts.silent_s, self._clock, self._sleep)
        self._life = life = Life(child, self._take, self._mail.room, self._overdue, *timing)
        try:
            end = await life.run(self._timeouts.close_s)
        finally:
            self._child = self._pid = None
        problem = machines_fault(
            ready=self._ready_since is not None,
            at_work=bool(self._jobs),
            proven=self._proven,
            crashed=child.crashed,
            said=self._problem,
        )
        why = life.fault or self._fault or child.last_words
        return f"the engine process {end}" + (f": {why}" if why else ""), problem

    def _take(self, line: bytes) -> None:
        event = FROM_ENGINE.decode(line)
        match event:
            case Down():
                # the Down that counts is made when it is gone; a child that is not itself any more may name anything
                self._fault, self._problem = event.message, event.problem if event.problem in ISSUES else ""
                return
            case Loading():
                self._at_eyes = event.eyes
            case Ready():
                self._ready_since, self._at_eyes = self._clock(), False
                event = replace(event, blind=event.blind or self._blind)
            case Stepped():
                self._proven = True
            case Pulse():
                self._steps = event.steps
            case Ended():
                self._jobs.pop(event.job, None)
            case _:
                pass
        self._mail.put(event)

    def _overdue(self, life: Life) -> str | float:
        """A child that is silent for too long is killed; the limit is another once it is ready."""
        if self._ready_since is None:
            limit, left = self._timeouts.loading_s, life.silent_for(self._timeouts.loading_s)
        else:
            limit = self._timeouts.silent_s
            silent_s = limit - life.silent_for(limit)
            left = self._patience.look(silent_s, self._clock(), life.child.processor_s, self._steps)
            if left > 0 and limit <= silent_s < limit + LOOK_S:  # once for each silence
                log.info("the engine has been silent for %.0f s, and computes: kernels may be compiled", silent_s)
        return left if left > 0 else f"it was silent for {limit:.0f} s"
