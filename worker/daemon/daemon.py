"""The daemon: performs the session's effects, feeds it frames, engine events and ticks, and stops in order.

Tasks, all in one group, so that none dies quietly: the link, one pump per engine, the ticker, the sensors, and one
short task per request that is being prepared (never more than there are slots).
"""

import asyncio
import logging
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from wire.chat import ChatRequest
from wire.errors import SupernetError
from wire.messages import EARNINGS, Cancel, Hardware, Hello, Issue, ModelOffer, Refused, Start, ToWorker
from worker.chat.prepared import Prepared
from worker.daemon.link import Fatal, Link
from worker.daemon.outage import Outage
from worker.daemon.problem_log import ProblemLog
from worker.daemon.slot_offer import SlotOffer
from worker.daemon.systemd import notify
from worker.daemon.threads import in_thread
from worker.engine import port
from worker.exits import EXIT_AGAIN, EXIT_CONFIG, EXIT_OK, EXIT_STOPPED
from worker.issues import issue
from worker.machine.availability import Rules
from worker.machine.nvml import Sensors
from worker.machine.owners_use import OwnersUse
from worker.session import effects
from worker.session.model_slots import Served
from worker.session.session import Session
from worker.session.slots import JobKey, Slots
from worker.telemetry.counters import Tally
from worker.telemetry.status import Problem, Status, with_session
from worker.telemetry.tracing import Tracing

log = logging.getLogger("supernet.daemon")

TICK_S = 0.25
LOOK_S = 2.0  # between readings of the sensors, and decisions on the slots
GIVEN_UP_S = 10.0  # for the ends of jobs that died with their engine to be acknowledged
MOST_DRAIN_S = 86400.0  # the wire cannot say more


class Preparer(Protocol):
    """Makes a request ready for the engine. Raises SupernetError for a request that cannot be served."""

    async def start(self) -> None: ...

    async def prepare(self, request: ChatRequest, delivered: tuple[int, ...]) -> Prepared: ...

    async def close(self) -> None: ...


@dataclass(frozen=True)
class Model:
    """A model as it is served here."""

    offer: ModelOffer
    engine: port.Engine
    preparer: Preparer


@dataclass(frozen=True)
class Identity:
    """Who this worker is, for Hello."""

    worker: str
    instance: str
    version: str
    name: str
    hardware: Hardware


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


class Daemon:
    """One worker process at work. `run` returns the process's exit code.

    With EXIT_AGAIN it has left to be made anew: because its engine was given up for `unready`, or `released` what it
    held of the GPU for as long as the owner wants the machine.
    """

    def __init__(
        self,
        identity: Identity,
        models: tuple[Model, ...],
        address: tuple[str, str],
        owner: Owner,
        paused: bool = False,
        tracing: Tracing | None = None,
    ) -> None:
        self._identity = identity
        self._models = {model.offer.id: model for model in models}
        self._session = Session({m.offer.id: Served(m.offer, Slots(m.offer.slots)) for m in models})
        self._tracing = tracing or Tracing()
        self._link = Link(address, self._hello, self._received, self._session_lost)
        self._owner = owner
        self._drain_s = min(owner.drain_s, MOST_DRAIN_S)
        self._stop = asyncio.Event()
        self._preparing: set[asyncio.Task[None]] = set()
        self._exit = EXIT_OK
        self._born = time.monotonic()
        self.tally = Tally(tuple(self._models))
        slots = max((model.offer.slots for model in models), default=0)
        self._offer = SlotOffer(owner.rules, slots, owner.use, paused)
        self._outage = Outage()
        self._told = ProblemLog()
        self._signalled = False
        self.unready: Issue | None = None
        self.released = False

    @property
    def last_problem(self) -> Problem | None:
        """The last one that mattered, over or not."""
        return self._told.last

    @last_problem.setter
    def last_problem(self, last: Problem | None) -> None:
        self._told.last = last

    async def run(self) -> int:
        """Serve until drained or stopped: every engine is closed and every task gone when it returns."""
        handlers: dict[signal.Signals, Callable[[], None]] = {signal.SIGTERM: self._signal, signal.SIGINT: self._signal}
        loop = asyncio.get_running_loop()
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
        try:
            self._begin(loop)
            tasks = [asyncio.create_task(self._dial(), name="link"), asyncio.create_task(self._tick(), name="ticker")]
            tasks += [asyncio.create_task(self._pump(m), name=f"engine {m.offer.id}") for m in self._models.values()]
            if self._owner.sensors is not None:
                tasks.append(asyncio.create_task(self._sense(self._owner.sensors), name="sensors"))
            stop = asyncio.create_task(self._stop.wait(), name="stop")
            done, _ = await asyncio.wait([stop, *tasks], return_when=asyncio.FIRST_COMPLETED)
            failed = [task for task in done if task is not stop]
            for task in [stop, *tasks, *self._preparing]:
                task.cancel()
            await asyncio.gather(stop, *tasks, *self._preparing, return_exceptions=True)
            for task in failed:
                log.error("the %s task ended", task.get_name())
                task.result()
                self._exit = EXIT_STOPPED
        finally:
            for number in handlers:
                loop.remove_signal_handler(number)
            await asyncio.gather(*(self._close(model) for model in self._models.values()))
        return self._exit

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        for problem in self._owner.problems:
            if self._owner.again_s is not None:
                self._told.goes_on(problem.code)
            self._perform(self._session.trouble(problem))
        self._decide(time.monotonic())
        if self._owner.again_s is not None:
            notify(f"READY=1\nSTATUS={'; '.join(problem.message for problem in self._owner.problems)}"[:2000])
            loop.call_later(self._owner.again_s, self._again)
        if self._owner.until_open:
            notify("READY=1\nSTATUS=the owner uses the machine")

    def _again(self) -> None:
        self._exit = EXIT_AGAIN
        self._stop.set()

    # ---- events in -----------------------------------------------------------------------------------------------

    def _hello(self) -> Hello:
        who = self._identity
        offers = tuple(served.offer for served in self._session.models.values())
        return Hello(
            worker=who.worker,
            instance=who.instance,
            version=who.version,
            name=who.name,
            hardware=who.hardware,
            models=offers,
            features=(EARNINGS,),
            resume=self._session.resume(),
        )

    def _received(self, message: ToWorker) -> None:
        now = time.monotonic()
        self._tracing.received(message)
        if isinstance(message, Start):
            self.tally.started(str(JobKey(message.job, message.attempt)), now)
        self.tally.cancels += isinstance(message, Cancel)
        self._perform(self._session.received(message, now))
        if message.type == "welcome":
            log.info("registered with the coordinator as %s", self._identity.worker)
            notify("STATUS=registered")

    def _session_lost(self) -> None:
        self._session.link_lost(time.monotonic())

    async def _dial(self) -> None:
        try:
            await self._link.run()
        except Fatal as fatal:
            self._perform(self._session.trouble(issue(fatal.code, str(fatal))))
            self._exit = EXIT_CONFIG
            self._stop.set()
            await asyncio.Event().wait()  # run() cancels this task with the others

    async def _pump(self, model: Model) -> None:
        name = model.offer.id
        async for event in model.engine.events():
            match event:
                case port.Ready():
                    if not await self._warm(model):
                        continue
                    log.info("%s is ready: %d slots of %d tokens", name, event.slots, event.context)
                    notify("READY=1\nSTATUS=ready")  # not at Welcome: a coordinator that is away is no failed start
                case port.Loading():
                    notify(f"STATUS=loading {name}: {event.fraction:.0%}\nEXTEND_TIMEOUT_USEC=60000000")
                case port.Ended():
                    _log_end(name, event)
                case _:
                    pass
            self.tally.engine(name, event, time.monotonic())
            self._perform(self._session.engine(name, event))

    async def _tick(self) -> None:
        beat = look = 0.0
        while True:
            now = time.monotonic()
            self._perform(self._session.tick(now))
            self._note(self._outage.look(self._link.problem, now, self._link.remedy))
            if now - beat >= self._session.heartbeat_s - TICK_S:
                beat = now
                if self._session.welcomed:
                    self._link.send(self._session.capacity())
            if now - look >= LOOK_S:
                look = now
                notify("WATCHDOG=1")
                self._decide(now)
            await asyncio.sleep(TICK_S)

    async def _sense(self, sensors: Sensors) -> None:
        """Read in a thread: a driver may take its time, or hang for good."""
        while True:
            asked = time.monotonic()
            self._offer.sensed(await in_thread(sensors.read, "sensors"), asked)
            await asyncio.sleep(LOOK_S)

    def _signal(self) -> None:
        if self._signalled:
            log.warning("stopping at once")
            self._exit = EXIT_STOPPED
            self._stop.set()
            return
        self._signalled, self._exit, self.unready, self.released = True, EXIT_OK, None, False
        log.info("leaving: no new jobs; what runs has %.0f s (a second signal stops at once)", self._drain_s)
        notify(f"STOPPING=1\nEXTEND_TIMEOUT_USEC={int((self._drain_s + 15) * 1e6)}")
        self._perform(self._session.drain(self._drain_s, time.monotonic()))

    def _leave_to_return(self, within_s: float) -> None:
        """What runs has so long; then this daemon ends, and the service makes another."""
        self._exit = EXIT_AGAIN
        self._perform(self._session.drain(within_s, time.monotonic()))

    # ---- the owner -----------------------------------------------------------------------------------------------

    def pause(self, paused: bool) -> None:
        """Take no new jobs, or take them again; what runs goes on."""
        self._offer.paused = paused
        self._decide(time.monotonic())

    def _decide(self, now: float) -> None:
        """How many slots are offered from now on; why not all is a problem of its own, for the coordinator's pages."""
        before, offered = self._offer.decide(now, busy=bool(self._session.attempts))
        self._perform(self._session.offer(offered.slots))
        if before.reason is not None and before.reason != offered.reason:
            self._perform(self._session.solved(before.reason, f"{offered.slots} slots are offered"))
        if offered.reason is not None and before.reason != offered.reason:
            self._perform(self._session.trouble(issue(offered.reason, offered.words)))
        if self._owner.until_open and offered.reason is None:
            self._again()
        elif offered.release and self._models and self._session.drain_until is None:
            log.info("the model leaves the memory of the GPU: %s", offered.words)
            self.released = True
            self._leave_to_return(self._drain_s)

    def _note(self, problem: Issue | None) -> None:
        if problem is not None:
            solved, trouble = self._session.solved, self._session.trouble
            self._perform(trouble(problem) if problem.active else solved(problem.code, problem.message))

    def status(self, base: Status) -> Status:
        """`base`: what does not depend on whether a model is served."""
        problems = self._told.dated(self._session.problems.values(), base.time)
        known = base.model_copy(
            update={
                "coordinator": self._link.problem or "registered",
                "gpus": self._offer.readings(time.monotonic()),
                "problems": problems,
                "last_problem": self.last_problem or base.last_problem,
            }
        )
        return with_session(known, self._session, self.tally, self._offer.now)

    # ---- effects out ---------------------------------------------------------------------------------------------

    def _perform(self, wanted: list[effects.Effect]) -> None:
        for effect in wanted:
            match effect:
                case effects.Send():
                    self._tracing.sent(effect.message)
                    if isinstance(effect.message, Refused):
                        key = JobKey(effect.message.job, effect.message.attempt)
                        self.tally.was_refused(str(key), effect.message.code)
                    self._link.send(effect.message)
                case effects.Tell():
                    self._told.tell(effect.issue)
                case effects.Bug():
                    key = effect.key
                    extra = {"job": key.job, "attempt": key.attempt}
                    log.error("job %s: a bug in reading its answer", key, exc_info=effect.error, extra=extra)
                case effects.Command():
                    self._models[effect.model].engine.send(effect.command)
                case effects.Prepare():
                    task = asyncio.create_task(self._prepare(effect), name=f"prepare {effect.key}")
                    self._preparing.add(task)
                    task.add_done_callback(self._prepare_over)
                case effects.GiveUp():
                    if not self._signalled:
                        self.unready = effect.issue
                        self._leave_to_return(GIVEN_UP_S)
                case effects.Redial():
                    self._link.redial(effect.after_s, effect.url)
                case effects.Leave():
                    self._stop.set()

    async def _prepare(self, effect: effects.Prepare) -> None:
        preparer = self._models[effect.model].preparer
        try:
            prepared = await preparer.prepare(effect.request, effect.delivered)
        except SupernetError as error:
            self._perform(self._session.prepare_failed(effect.key, error))
        else:
            self._perform(self._session.prepared(effect.key, prepared))
        finally:
            if effect.key not in self._session.attempts:
                self.tally.gone(str(effect.key))

    def _prepare_over(self, task: asyncio.Task[None]) -> None:
        self._preparing.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("%s failed: a bug in this worker", task.get_name(), exc_info=task.exception())
            self._exit = EXIT_STOPPED
            self._stop.set()

    async def _warm(self, model: Model) -> bool:
        """The preparer is there before the first request. If it cannot be, no request can be served."""
        try:
            await model.preparer.start()
        except SupernetError as error:
            problem = issue("preparer_broken", error.message)
            self._perform([*self._session.trouble(problem), effects.GiveUp(problem)])
            return False
        return True

    async def _close(self, model: Model) -> None:
        await asyncio.gather(model.engine.close(), model.preparer.close())


def _log_end(model: str, ended: port.Ended) -> None:
    key, usage = JobKey.parse(ended.job), ended.usage
    level = logging.WARNING if ended.reason == "failed" else logging.INFO
    counts = f"{usage.prompt} prompt tokens, {usage.cached} of them cached, {usage.completion} generated"
    why = f": {ended.message}" if ended.message else ""
    extra = {"job": key.job, "attempt": key.attempt, "model": model}
    log.log(level, "job %s: %s, %s%s", ended.job, ended.reason, counts, why, extra=extra)
