"""Serving, from the first look at the model's files to the last answer: what cannot be served now is tried again.

    fetch and lay out  --problem-->  a daemon without models, which tells the coordinator why  --after a while--> again
          |                                   ^
          v                                   |
       the daemon  --engine given up, or the owner wants the GPU--
          |
          v
       told to leave

Through all of it the control socket answers the owner.
"""

import asyncio
import contextlib
import logging
import os
import signal
import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from wire.messages import Hardware, Issue, ModelOffer
from worker import state_dir
from worker.config import WORDS, Config, ConfigError
from worker.daemon import control_socket, logs
from worker.daemon.daemon import Daemon, Identity, Model, Owner
from worker.daemon.systemd import notify
from worker.daemon.threads import in_thread
from worker.engine import script
from worker.engine.devices import Device
from worker.engine.process import ProcessEngine
from worker.engine.scripted import Script, ScriptedEngine
from worker.exits import EXIT_AGAIN, EXIT_CONFIG, EXIT_OK, EXIT_STOPPED
from worker.machine import hardware
from worker.machine.availability import Rules
from worker.machine.description import Machine
from worker.machine.nvml import NvmlSensors, Own, Sensors
from worker.machine.owners_use import OwnersUse
from worker.machine.scripted import ScriptedSensors
from worker.planning import model_setup, proven, speed_curves
from worker.planning.model_setup import Assembly, Unready
from worker.preparer.process import Preparer
from worker.preparer.scripted import ScriptedPreparer
from worker.telemetry.metrics import Metrics, MetricsError
from worker.telemetry.status import Problem, Status
from worker.telemetry.tracing import from_environment
from worker.weights.download import Progress, Report

log = logging.getLogger("supernet.serve")

T = TypeVar("T")

AGAIN_FIRST_S = 15.0  # between tries to get the model ready, doubled each time
AGAIN_MOST_S = 600.0
BEAT_S = 5.0
SCRIPTED_PACE_S = 0.02  # 50 tokens a second for each job, as a mid-range GPU gives


class Service:
    """One process that serves. `scripted`: a script's file, or WORDS, instead of a model; `gpus`: its readings.
    `attended`: a person reads what it says, so a file that is none ends it instead of being waited for."""

    def __init__(
        self,
        config: Config,
        address: tuple[str, str],
        report: Report,
        scripted: str | None = None,
        gpus: Path | None = None,
        attended: bool = False,
    ) -> None:
        self._config = config
        self._address = address
        self._show = report
        self._scripted = scripted
        self._scripted_gpus = gpus
        self._attended = attended
        self._born = time.monotonic()
        self._worker = state_dir.worker_id(config.state_dir)
        self._paused = state_dir.is_paused(config.state_dir)
        self._tracing = from_environment(os.environ)
        self._progress = ""
        self._daemon: Daemon | None = None
        self._last: Problem | None = None
        self._use = OwnersUse(config.quiet_s)
        self._machine: Machine | None = None  # as it was when it was looked at last
        self._used: tuple[Device, ...] = ()  # its GPUs that the model is on
        self._released = False  # the model has left the GPU for as long as the owner wants it

    async def run(self) -> int:
        """The process's exit code. Raises ConfigError and what else another try cannot help, Unready if attended."""
        logs.name_worker(self._worker)
        (self._config.state_dir / state_dir.LAST_PROBLEM).unlink(missing_ok=True)
        async with control_socket.listening(self._config.state_dir, self._answer), self._metrics():
            pause_s, gave_up = AGAIN_FIRST_S, False
            while True:
                began = time.monotonic()
                try:
                    code = await self._serve_once()
                except Unready as unready:
                    if unready.mistaken and self._attended:
                        raise
                    self._machine = unready.machine or self._machine
                    if time.monotonic() - began >= AGAIN_MOST_S:  # it served, so this is another trouble
                        pause_s = AGAIN_FIRST_S
                    code = await self._wait_to_retry(unready.issue, pause_s)
                    gave_up = code == EXIT_STOPPED
                    pause_s = min(pause_s * 2, AGAIN_MOST_S)
                if code != EXIT_AGAIN:
                    break
            if (code == EXIT_CONFIG or gave_up) and self._last is not None:
                # the socket is gone, but --status can still say why
                state_dir.write(self._config.state_dir / state_dir.LAST_PROBLEM, self._last.model_dump_json())
            return code

    async def _wait_to_retry(self, problem: Issue, pause_s: float) -> int:
        """Be there only to say what is wrong. EXIT_AGAIN: now; EXIT_STOPPED: this process cannot mend it."""
        if problem.code == "driver_hangs":
            log.error("leaving: no engine of this process would get further")
            return EXIT_STOPPED
        if problem.code == "engine_cannot_compute":
            proven.forget(self._config.state_dir)  # whatever was proved, it is not so any more
        log.info("trying again in %.0f s", pause_s)
        hopeless = Owner(problems=(problem,), again_s=pause_s, drain_s=0)
        if self._machine is None:  # the operator is to see whose disk is full
            self._machine = await self._patiently(
                lambda: hardware.detect(model_setup.installed(self._config)), "hardware"
            )
        if self._machine is None:
            return EXIT_OK
        who = self._identity(self._machine.hardware)
        code = await self._run(Daemon(who, (), self._address, hopeless, self._paused))
        if code == EXIT_AGAIN and problem.code == "gpu_unreachable" and hardware.in_container():
            # Open contexts live on when the host takes the devices away (systemctl daemon-reload); new processes in
            # this container will never see them again, but those of the next one do.
            log.error("leaving: a container that has lost its GPU gets it back when it is started again")
            return EXIT_STOPPED
        return code

    async def _serve_once(self) -> int:
        if self._released or self._use.left_s(time.monotonic()):
            return await self._wait_for_owner()
        if self._scripted is not None:
            model, owner = _scripted(self._config, self._scripted), self._owner(self._sensors(frozenset))
            who = self._identity(Hardware())
            return await self._run(Daemon(who, (model,), self._address, owner, self._paused, self._tracing))
        assembly = await self._assembled()
        if assembly is None:
            return EXIT_OK
        log.info("%s", assembly.plan.explain())
        engine = ProcessEngine(assembly.plan.engine)
        offer = assembly.offer(speed_curves.known(self._config.state_dir, assembly))
        preparer = Preparer(assembly.plan.engine.path, assembly.plan.engine.context, assembly.spec.format)
        self._machine = assembly.machine
        self._used = tuple(gpu for gpu in assembly.machine.devices if gpu.address in assembly.plan.engine.devices)
        owner = self._owner(self._sensors(partial(own_pids, engine, preparer)), assembly)
        who = self._identity(assembly.machine.hardware)
        return await self._run(
            Daemon(who, (Model(offer, engine, preparer),), self._address, owner, self._paused, self._tracing)
        )

    async def _wait_for_owner(self) -> int:
        """Without a model, as long as the owner wants the machine: EXIT_AGAIN once it may be loaded."""
        who = self._identity(Hardware() if self._machine is None else self._machine.hardware)
        owner = replace(self._owner(self._sensors(frozenset)), until_open=True)
        return await self._run(Daemon(who, (), self._address, owner, self._paused))

    async def _assembled(self) -> Assembly | None:
        """The model, fetched and laid out; None: a signal came first."""
        try:
            return await self._patiently(lambda: model_setup.assemble(self._config, self._report), "assemble")
        finally:
            self._progress = ""

    @staticmethod
    async def _patiently(blocking: Callable[[], T], name: str) -> T | None:
        """What is done in a thread, for hours or with a driver that hangs; None: a signal came first. The watchdog is
        fed meanwhile."""
        loop = asyncio.get_running_loop()
        work = asyncio.create_task(in_thread(blocking, name))
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, work.cancel)
        try:
            while not (await asyncio.wait({work}, timeout=BEAT_S))[0]:
                notify("WATCHDOG=1")
            return None if work.cancelled() else work.result()
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    async def _run(self, daemon: Daemon) -> int:
        """Raises Unready when the daemon's engine was given up."""
        self._daemon = daemon
        daemon.last_problem = self._last
        try:
            code = await daemon.run()
        finally:
            self._daemon, self._last = None, daemon.last_problem
        self._released = daemon.released
        if daemon.unready is not None:
            raise Unready(daemon.unready)
        return code

    def _report(self, progress: Progress) -> None:
        """From the thread that works: bytes of a file."""
        done = f" {progress.done_bytes / progress.total_bytes:.0%}" if progress.total_bytes else ""
        self._progress = f"{progress.phase} {progress.file}{done}"
        self._show(progress)

    def _identity(self, hardware: Hardware) -> Identity:
        """A new instance for each daemon: none goes on with what another one began."""
        return Identity(self._worker, uuid.uuid4().hex, version("supernet"), self._config.name, hardware)

    def _sensors(self, own: Own) -> Sensors | None:
        """Of the GPUs that the model is on, or was; `own`: the processes that are no strangers there."""
        if self._scripted is not None:
            return None if self._scripted_gpus is None else ScriptedSensors(self._scripted_gpus)
        return NvmlSensors(self._used, own) if self._used else None

    def _owner(self, sensors: Sensors | None, assembly: Assembly | None = None) -> Owner:
        config = self._config
        on_gpu = sensors is not None if assembly is None else assembly.plan.engine.gpu_layers != 0
        rules = Rules(
            schedule=config.schedule,
            max_temperature_c=config.max_temperature_c,
            max_power_w=config.max_power_w,
            yields=config.yield_to_owner,
            release_s=config.release_s if on_gpu else None,
        )
        if sensors is None and (rules.max_temperature_c or rules.max_power_w or rules.yields):
            log.warning("no GPU can be read: the ceilings and --yield-to-owner have no effect")
        return Owner(rules, sensors, self._use, config.drain_s, () if assembly is None else assembly.problems)

    # ---- what the owner asks -------------------------------------------------------------------------------------

    def _answer(self, word: str) -> dict[str, Any]:
        match word:
            case "status":
                return self.status().model_dump(mode="json")
            case "pause" | "resume":
                self._paused = word == "pause"
                state_dir.set_paused(self._config.state_dir, self._paused)
                if self._daemon is not None:
                    self._daemon.pause(self._paused)
                log.info("%s by the owner", "paused" if self._paused else "resumed")
                return self.status().model_dump(mode="json")
            case _:
                return {"error": "unknown word; known are status, pause, resume"}

    def status(self) -> Status:
        total, available = hardware.memory()
        base = Status(
            time=time.time(),
            pid=os.getpid(),
            worker=self._worker,
            name=self._config.name,
            version=version("supernet"),
            uptime_s=time.monotonic() - self._born,
            phase="starting",
            progress=self._progress,
            paused=self._paused,
            memory_bytes=total,
            available_bytes=available,
            last_problem=self._last,
        )
        return base if self._daemon is None else self._daemon.status(base)

    @contextlib.asynccontextmanager
    async def _metrics(self) -> AsyncIterator[None]:
        if self._config.metrics is None:
            yield
            return
        loop = asyncio.get_running_loop()

        async def look() -> tuple[Status, Any]:
            return self.status(), None if self._daemon is None else self._daemon.tally

        try:
            server = Metrics(self._config.metrics, lambda: asyncio.run_coroutine_threadsafe(look(), loop).result(5))
        except MetricsError as error:
            raise ConfigError(str(error)) from None
        log.info("metrics at http://%s/metrics", server.address)
        try:
            yield
        finally:
            await in_thread(server.close, "metrics")


def own_pids(engine: ProcessEngine, preparer: Preparer) -> frozenset[int]:
    """Who is no stranger on the GPU. Empty without an engine: all that is there then is somebody else's."""
    return frozenset(pid for pid in (engine.pid, preparer.pid) if pid) if engine.pid else frozenset()


def _scripted(config: Config, file: str) -> Model:
    spec = model_setup.entry(config)
    slots, context = config.slots or 4, config.context or 8192
    offer = ModelOffer(id=spec.id, context=context, slots=slots, features=("scripted",))
    if file == WORDS:
        return Model(offer, ScriptedEngine(slots, context, pace_s=SCRIPTED_PACE_S), ScriptedPreparer(context))
    engine = ScriptedEngine(slots, context, script=_script(Path(file)))
    opens_thought = spec.thinking and spec.format == "qwen-xml"
    return Model(offer, engine, ScriptedPreparer(context, spec.format, opens_thought))


def _script(file: Path) -> Script:
    try:
        return script.read(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"--scripted {file}: {error}") from error
