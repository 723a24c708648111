"""The daemon: the tasks of a running worker, signals, what the owner wants, and an orderly end.

Tasks, so that none dies quietly: the link, the reading of requests, one pump per engine, the ticker, the sensors.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

from wire.messages import Issue
from worker.daemon.current_offer import CurrentOffer
from worker.daemon.handed import Judged
from worker.daemon.home import Home
from worker.daemon.line_errors import Fatal
from worker.daemon.media_driver import Media
from worker.daemon.outage import Outage
from worker.daemon.problem_log import ProblemLog
from worker.daemon.scratch import Scratch
from worker.daemon.session_driver import Identity, Model, SessionDriver
from worker.daemon.systemd import notify
from worker.daemon.threads import at_signals, in_thread
from worker.exits import EXIT_AGAIN, EXIT_CONFIG, EXIT_OK, EXIT_STOPPED
from worker.issues import issue
from worker.machine.availability import Rules
from worker.machine.nvml import Sensors
from worker.machine.owners_use import OwnersUse
from worker.session.effects import GiveUp, Leave
from worker.telemetry.counters import Counters
from worker.telemetry.energy import EnergyMeter
from worker.telemetry.status import Problem, Status, with_session
from worker.telemetry.tracing import Tracing

log = logging.getLogger("supernet.daemon")

TICK_S = 0.25
LOOK_S = 2.0  # between readings of the sensors, and decisions on the slots
GIVEN_UP_S = 10.0  # for the ends of jobs that died with their engine to be acknowledged
MOST_DRAIN_S = 86400.0  # the wire cannot say more


@dataclass(frozen=True)
class Owner:
    """What the owner of the machine decided, and how the GPUs are read (None: there are none).

    `problems` are known from the start. `again_s`: leave with EXIT_AGAIN after so long; until then the daemon is here
    only to say what is wrong. `until_open`: leave with EXIT_AGAIN once the owner lets the network in again.
    """

    rules: Rules = field(default_factory=Rules)
    sensors: Sensors | None = None
    use: OwnersUse = field(default_factory=OwnersUse)
    drain_s: float = 120.0
    problems: tuple[Issue, ...] = ()
    again_s: float | None = None
    until_open: bool = False


@dataclass(frozen=True)
class Outcome:
    """What a daemon ended with. EXIT_AGAIN: the service is to make another one.

    `unready`: the engine was given up, for this reason. `released`: the model left the GPU's memory for as long as the
    owner wants the machine.
    """

    code: int = EXIT_OK
    unready: Issue | None = None
    released: bool = False


class Daemon:
    """One worker process at work, with models and pipelines or, to say why it has none, without.

    `last_problem`: the last one of the daemon before, if there was one. `handed`: see SessionDriver.
    """

    def __init__(
        self,
        identity: Identity,
        models: tuple[Model, ...],
        media: tuple[Media, ...],
        home: Home,
        scratch: Scratch,
        owner: Owner,
        paused: bool = False,
        tracing: Tracing | None = None,
        last_problem: Problem | None = None,
        handed: Callable[[str], Judged] = lambda _: [],
    ) -> None:
        self._owner = owner
        self._drain_s = min(owner.drain_s, MOST_DRAIN_S)
        self._problems = ProblemLog(last_problem)
        self._driver = SessionDriver(
            identity, models, media, home, scratch, self._problems, tracing or Tracing(), self._ending, handed
        )
        self._session = self._driver.session
        counts = [model.offer.slots for model in models] + [one.offer.slots for one in media]
        slots = max(counts, default=0)
        self._offer = CurrentOffer(owner.rules, slots, owner.use, paused)
        self._energy = EnergyMeter()
        self._outage = Outage()
        self._signalled = False
        self._stop = asyncio.Event()
        self._outcome = Outcome()

    @property
    def last_problem(self) -> Problem | None:
        """The last one that mattered, over or not."""
        return self._problems.last

    @property
    def counters(self) -> Counters:
        return self._driver.counters

    async def run(self) -> Outcome:
        """Serve until drained or stopped: every engine is closed and every task gone when it returns.

        Raises what a task raised that had a bug.
        """
        try:
            with at_signals(self._signal):
                self._begin(asyncio.get_running_loop())
                tasks = self._tasks()
                stop = asyncio.create_task(self._stop.wait(), name="stop")
                done, _ = await asyncio.wait([stop, *tasks], return_when=asyncio.FIRST_COMPLETED)
                for task in [stop, *tasks]:
                    task.cancel()
                await asyncio.gather(stop, *tasks, return_exceptions=True)
            for task in done - {stop}:
                log.error("the %s task ended", task.get_name())
                task.result()
                self._outcome = Outcome(EXIT_STOPPED)
        finally:
            await self._driver.close()
        return self._outcome

    def _tasks(self) -> list[asyncio.Task[None]]:
        work: dict[str, Coroutine[Any, Any, None]]
        work = {"link": self._dial(), "requests": self._driver.read_requests(), "ticker": self._tick()}
        work |= {f"engine {name}": self._driver.pump(model) for name, model in self._driver.models.items()}
        if media := self._driver.media.media:
            work["uploads"] = self._driver.media.send_files()
            work |= {f"engine {name}": self._driver.media.pump(one) for name, one in media.items()}
        if self._owner.sensors is not None:
            work["sensors"] = self._sense(self._owner.sensors)
        return [asyncio.create_task(each, name=name) for name, each in work.items()]

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        for problem in self._owner.problems:
            if self._owner.again_s is not None:
                self._problems.goes_on(problem.code)
            self._driver.perform(self._session.problems.add(problem))
        self._decide(time.monotonic())
        if self._owner.again_s is not None:
            notify(f"READY=1\nSTATUS={'; '.join(problem.message for problem in self._owner.problems)}"[:2000])
            loop.call_later(self._owner.again_s, self._end, Outcome(EXIT_AGAIN))
        if self._owner.until_open:
            notify("READY=1\nSTATUS=the owner uses the machine")

    # ---- tasks ---------------------------------------------------------------------------------------------------

    async def _dial(self) -> None:
        try:
            await self._driver.link.run()
        except Fatal as fatal:
            log.error("coordinator: %s", fatal.why.in_full)  # the problem below has our own words alone
            self._driver.perform(self._session.problems.add(issue(fatal.code, fatal.why.text)))
            self._end(Outcome(EXIT_CONFIG))
            await asyncio.Event().wait()  # run() cancels this task with the others

    async def _tick(self) -> None:
        """Deadlines, heartbeats, the watchdog, and how many slots are offered."""
        sent_at = looked_at = 0.0
        while True:
            now = time.monotonic()
            self._driver.perform(self._session.tick(now))
            self._note(self._outage.look(self._driver.link.problem, now))
            if now - sent_at >= self._session.line.heartbeat_s - TICK_S:
                sent_at = now
                if self._session.line.welcomed:
                    self._driver.link.send(self._session.capacity().model_copy(update={"power": self._energy.power()}))
            if now - looked_at >= LOOK_S:
                looked_at = now
                notify("WATCHDOG=1")
                self._decide(now)
            await asyncio.sleep(TICK_S)

    async def _sense(self, sensors: Sensors) -> None:
        """Read in a thread: a driver may take its time, or hang for good."""
        while True:
            asked_at = time.monotonic()
            readings = await in_thread(sensors.read, "sensors")
            self._offer.sensed(readings, asked_at)
            self._energy.read(readings, time.monotonic())
            await asyncio.sleep(LOOK_S)

    # ---- the end -------------------------------------------------------------------------------------------------

    def _signal(self) -> None:
        if self._signalled:
            log.warning("stopping at once")
            self._end(Outcome(EXIT_STOPPED))
            return
        self._signalled, self._outcome = True, Outcome()
        log.info("leaving: no new jobs; what runs has %.0f s (a second signal stops at once)", self._drain_s)
        notify(f"STOPPING=1\nEXTEND_TIMEOUT_USEC={int((self._drain_s + 15) * 1e6)}")
        self._drain(self._drain_s)

    def _ending(self, effect: GiveUp | Leave) -> None:
        """The session has drained, or the engine stays down: what still runs has a moment, unless a signal gave it
        more."""
        match effect:
            case Leave():
                self._end(self._outcome)
            case GiveUp() if not self._signalled:
                self._outcome = replace(self._outcome, code=EXIT_AGAIN, unready=effect.issue)
                self._drain(GIVEN_UP_S)

    def _drain(self, within_s: float) -> None:
        self._driver.perform(self._session.drain(within_s, time.monotonic()))

    def _end(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self._stop.set()

    # ---- the owner -----------------------------------------------------------------------------------------------

    def pause(self, paused: bool) -> None:
        """Take no new jobs, or take them again; what runs goes on."""
        self._offer.paused = paused
        self._decide(time.monotonic())

    def _decide(self, now: float) -> None:
        """How many slots are offered from now on; why not all is a problem of its own, for the coordinator's pages."""
        before, offer = self._offer.decide(now, busy=bool(self._session.jobs.attempts))
        self._driver.perform(self._session.offer(offer.slots))
        if before.reason is not None and before.reason != offer.reason:
            self._driver.perform(self._session.problems.solve(before.reason, f"{offer.slots} slots are offered"))
        if offer.reason is not None and before.reason != offer.reason:
            self._driver.perform(self._session.problems.add(issue(offer.reason, offer.words)))
        if self._owner.until_open and offer.reason is None:
            self._end(Outcome(EXIT_AGAIN))
        elif offer.release and (self._driver.models or self._driver.media.media) and not self._session.leaving.begun:
            log.info("the model leaves the memory of the GPU: %s", offer.words)
            self._outcome = replace(self._outcome, code=EXIT_AGAIN, released=True)
            self._drain(self._drain_s)

    def _note(self, problem: Issue | None) -> None:
        if problem is not None:
            problems = self._session.problems
            change = problems.add(problem) if problem.active else problems.solve(problem.code, problem.message)
            self._driver.perform(change)

    def status(self, base: Status) -> Status:
        """The worker's status, for its owner. `base`: the part that does not depend on whether a model is served."""
        down = self._driver.link.problem
        known = base.model_copy(
            update={
                "coordinator": "registered" if down is None else down.text,
                "gpus": self._offer.readings(time.monotonic()),
                "problems": self._problems.dated(self._session.problems.active.values(), base.time),
                "last_problem": self.last_problem or base.last_problem,
            }
        )
        return with_session(known, self._session, self.counters, self._driver.media.counters, self._offer.now)
