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
import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from program import garbage, logs
from program.otel import tracer
from program.secret_files import read_secret
from program.settings import ConfigError
from wire.messages import Issue
from wire.offers import Hardware
from worker import state_dir
from worker.config import Config
from worker.daemon import control_socket, loadout
from worker.daemon.daemon import Daemon, Owner
from worker.daemon.handed import taken
from worker.daemon.home import Home
from worker.daemon.loadout import NONE, Loadout, Scripts
from worker.daemon.owner_alerts import OwnerAddress, OwnerAlerts
from worker.daemon.scratch import Scratch
from worker.daemon.session_driver import Identity
from worker.daemon.threads import in_thread, until_signal
from worker.engine.devices import Device
from worker.exits import EXIT_AGAIN, EXIT_CONFIG, EXIT_OK, EXIT_STOPPED
from worker.machine import hardware
from worker.machine.availability import Rules
from worker.machine.description import Machine
from worker.machine.nvml import NvmlSensors, Own, Sensors
from worker.machine.owners_use import OwnersUse
from worker.machine.scripted import ScriptedSensors
from worker.planning import model_setup, proven
from worker.planning.model_setup import Unready
from worker.telemetry.metrics import Metrics, MetricsError
from worker.telemetry.status import Problem, Status
from worker.telemetry.tracing import SERVICE, Tracing
from worker.weights.download import Progress, Report

log = logging.getLogger("supernet.serve")

AGAIN_FIRST_S = 15.0  # between tries to get the model ready, doubled each time
AGAIN_MOST_S = 600.0


class Service:
    """One process that serves, with one daemon after the other.

    `scripts`: played instead of models; `gpus`: a file with the readings of their GPUs. `attended`: a person reads the
    output, so a wrong --model-file ends the process instead of being waited for.
    """

    def __init__(
        self,
        config: Config,
        home: Home,
        report: Report,
        scripts: Scripts = NONE,
        gpus: Path | None = None,
        attended: bool = False,
    ) -> None:
        self._config = config
        self._home = home
        self._show = report
        self._scripts = scripts
        self._scripted_gpus = gpus
        self._attended = attended
        self._born = time.monotonic()
        self._worker = state_dir.worker_id(config.state_dir)
        self._paused = state_dir.is_paused(config.state_dir)
        self._tracing = Tracing(tracer(SERVICE, os.environ))
        self._progress = ""
        self._daemon: Daemon | None = None
        self._last: Problem | None = None
        self._use = OwnersUse(config.quiet_s)
        self._machine: Machine | None = None  # as it was when it was looked at last
        self._used: tuple[Device, ...] = ()  # its GPUs that the model is on
        self._alerts = _alerts(config, self.status)
        self._released = False  # the model has left the GPU for as long as the owner wants it

    async def run(self) -> int:
        """Serve until told to leave; return the process's exit code.

        Raises ConfigError and what else another try cannot help, and Unready if attended.
        """
        logs.name_worker(self._worker)
        (self._config.state_dir / state_dir.LAST_PROBLEM).unlink(missing_ok=True)
        async with control_socket.listening(self._config.state_dir, self._answer), self._metrics(), self._telling():
            pause_s = AGAIN_FIRST_S
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
                    pause_s = min(pause_s * 2, AGAIN_MOST_S)
                if code == EXIT_CONFIG:
                    self._leave_word()
                    if self._alerts is not None and self._last is not None:
                        await self._alerts.last_word(self._last)
                if code != EXIT_AGAIN:
                    return code

    def _leave_word(self) -> None:
        """The control socket will be gone, but --status can still say why."""
        if self._last is not None:
            state_dir.write(self._config.state_dir / state_dir.LAST_PROBLEM, self._last.model_dump_json())

    async def _wait_to_retry(self, problem: Issue, pause_s: float) -> int:
        """Run a daemon without a model that says what is wrong. EXIT_AGAIN: try again; EXIT_STOPPED: only
        another process can."""
        if problem.code == "driver_hangs":
            log.error("leaving: no engine of this process would get further")
            self._leave_word()
            return EXIT_STOPPED
        if problem.code == "engine_cannot_compute":
            proven.forget(self._config.state_dir)  # whatever was proved, it is not so any more
        log.info("trying again in %.0f s", pause_s)
        hopeless = Owner(problems=(problem,), again_s=pause_s, drain_s=0)
        if self._machine is None:  # the operator is to see whose disk is full
            self._machine = await until_signal(lambda: hardware.detect(model_setup.installed(self._config)), "hardware")
        if self._machine is None:
            return EXIT_OK
        code = await self._run(self._machine.hardware, hopeless)
        if code == EXIT_AGAIN and problem.code == "gpu_unreachable" and hardware.in_container():
            # Open contexts live on when the host takes the devices away (systemctl daemon-reload); new processes in
            # this container will never see them again, but those of the next one do.
            log.error("leaving: a container that has lost its GPU gets it back when it is started again")
            self._leave_word()
            return EXIT_STOPPED
        return code

    async def _serve_once(self) -> int:
        if self._released or self._use.left_s(time.monotonic()):
            return await self._wait_for_owner()
        if self._scripts.any:
            return await self._run(Hardware(), self._owner(), loadout.scripted(self._config, self._scripts))
        loaded = await self._loaded()
        if loaded is None:
            return EXIT_OK
        assert loaded.machine is not None
        self._machine, self._used = loaded.machine, loaded.used
        return await self._run(loaded.machine.hardware, self._owner(loaded), loaded)

    async def _wait_for_owner(self) -> int:
        """Run a daemon without a model while the owner wants the machine. EXIT_AGAIN: it may be loaded again."""
        owner = replace(self._owner(), until_open=True)
        return await self._run(Hardware() if self._machine is None else self._machine.hardware, owner)

    async def _loaded(self) -> Loadout | None:
        """Fetch what is to be served and lay it out; None: a signal came first."""
        try:
            return await until_signal(lambda: loadout.load(self._config, self._report), "load")
        finally:
            self._progress = ""

    async def _run(self, machine: Hardware, owner: Owner, loaded: Loadout | None = None) -> int:
        """One daemon, always a new instance; return its exit code. Raises Unready when its engine was given up."""
        loaded = loaded or Loadout()
        who = Identity(self._worker, uuid.uuid4().hex, version("supernet"), self._config.name, machine)
        scratch = Scratch(self._config.state_dir / state_dir.SCRATCH)
        kept = (self._paused, self._tracing, self._last, partial(taken, self._config))
        self._daemon = Daemon(who, loaded.models, loaded.media, self._home, scratch, owner, *kept)
        garbage.set_aside()
        try:
            outcome = await self._daemon.run()
        finally:
            self._last, self._daemon = self._daemon.last_problem, None
        self._released = outcome.released
        if outcome.unready is not None:
            raise Unready(outcome.unready)
        return outcome.code

    def _report(self, progress: Progress) -> None:
        """Show how far a file is; called from the thread that fetches or checks it."""
        done = f" {progress.done_bytes / progress.total_bytes:.0%}" if progress.total_bytes else ""
        self._progress = f"{progress.phase} {progress.file}{done}"
        self._show(progress)

    def _sensors(self, own: Own) -> Sensors | None:
        """Return sensors of the GPUs that the model is on, or was. `own`: this worker's processes."""
        if self._scripts.any:
            return None if self._scripted_gpus is None else ScriptedSensors(self._scripted_gpus)
        return NvmlSensors(self._used, own) if self._used else None

    def _owner(self, loaded: Loadout | None = None) -> Owner:
        config, sensors = self._config, self._sensors(frozenset if loaded is None else loaded.own)
        on_gpu = sensors is not None if loaded is None else bool(loaded.used)
        rules = Rules(
            schedule=config.schedule,
            max_temperature_c=config.max_temperature_c,
            max_power_w=config.max_power_w,
            yields=config.yield_to_owner,
            release_s=config.release_s if on_gpu else None,
        )
        if sensors is None and (rules.max_temperature_c or rules.max_power_w or rules.yields):
            log.warning("no GPU can be read: the ceilings and --yield-to-owner have no effect")
        return Owner(rules, sensors, self._use, config.drain_s, () if loaded is None else loaded.problems)

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
        """The status for the owner, with a daemon or, between two, without."""
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
            return self.status(), None if self._daemon is None else self._daemon.counters

        try:
            server = Metrics(self._config.metrics, lambda: asyncio.run_coroutine_threadsafe(look(), loop).result(5))
        except MetricsError as error:
            raise ConfigError(str(error)) from None
        log.info("metrics at http://%s/metrics", server.address)
        try:
            yield
        finally:
            await in_thread(server.close, "metrics")

    @contextlib.asynccontextmanager
    async def _telling(self) -> AsyncIterator[None]:
        """The owner is told meanwhile of what lasts."""
        if self._alerts is None:
            yield
            return
        task = asyncio.create_task(self._alerts.run(), name="alerts")
        try:
            yield
        finally:
            task.cancel()


def _alerts(config: Config, status: Callable[[], Status]) -> OwnerAlerts | None:
    """Raises ConfigError if the secret cannot be read."""
    if config.alert_url is None:
        return None
    try:
        secret = read_secret(config.alert_secret) if config.alert_secret else None
    except ValueError as error:
        raise ConfigError(f"--alert-secret: {error}") from None
    return OwnerAlerts(OwnerAddress(config.alert_kind, config.alert_url, secret), config.name, status)
