"""The daemon: performs the session's effects, feeds it frames, engine events and ticks, and stops in order.

Tasks, all in one group, so that none dies quietly: the link, one pump per engine, the ticker, and one short task per
request that is being prepared (never more than there are slots).
"""

import asyncio
import logging
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from wire.chat import ChatRequest
from wire.errors import SupernetError
from wire.messages import EARNINGS, Hardware, Hello, ModelOffer, ToWorker
from worker import effects, state
from worker.chat.prepared import Prepared
from worker.engine import port
from worker.link import Fatal, Link
from worker.notify import notify
from worker.session import Served, Session
from worker.slots import Slots

log = logging.getLogger("supernet.daemon")

TICK_S = 0.25
STATUS_S = 2.0
MOST_DRAIN_S = 86400.0  # the wire cannot say more
EXIT_OK, EXIT_STOPPED, EXIT_CONFIG = 0, 1, 78  # 78: sysexits' EX_CONFIG; the service unit does not restart on it


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


class Daemon:
    """One worker process at work. `run` returns the process's exit code."""

    def __init__(
        self, identity: Identity, models: tuple[Model, ...], address: tuple[str, str], folder: Path, drain_s: float
    ) -> None:
        self._identity = identity
        self._models = {model.offer.id: model for model in models}
        self._session = Session({m.offer.id: Served(m.offer, Slots(m.offer.slots)) for m in models})
        self._link = Link(address, self._hello, self._received, self._lost)
        self._folder = folder
        self._drain_s = min(drain_s, MOST_DRAIN_S)
        self._stop = asyncio.Event()
        self._preparing: set[asyncio.Task[None]] = set()
        self._exit = EXIT_OK
        self._last_pulse: dict[str, port.Pulse] = {}

    async def run(self) -> int:
        """Serve until drained or stopped: every engine is closed and every task gone when it returns."""
        handlers: dict[signal.Signals, Callable[[], None]] = {signal.SIGTERM: self._signal, signal.SIGINT: self._signal}
        loop = asyncio.get_running_loop()
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
        try:
            tasks = [asyncio.create_task(self._dial(), name="link"), asyncio.create_task(self._tick(), name="ticker")]
            tasks += [asyncio.create_task(self._pump(m), name=f"engine {m.offer.id}") for m in self._models.values()]
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
            (self._folder / "status.json").unlink(missing_ok=True)
        return self._exit

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
        self._perform(self._session.received(message, time.monotonic()))
        if message.type == "welcome":
            log.info("registered with the coordinator as %s", self._identity.worker)
            notify("STATUS=registered")

    def _lost(self) -> None:
        self._session.link_lost(time.monotonic())

    async def _dial(self) -> None:
        try:
            await self._link.run()
        except Fatal as fatal:
            log.error("%s", fatal)
            self._exit = EXIT_CONFIG
            self._stop.set()
            await asyncio.Event().wait()  # run() cancels this task with the others

    async def _pump(self, model: Model) -> None:
        name = model.offer.id
        async for event in model.engine.events():
            match event:
                case port.Down():
                    log.error("engine of %s: %s", name, event.message)
                case port.Ready():
                    await self._warm(model)
                    log.info("%s is ready: %d slots of %d tokens", name, event.slots, event.context)
                    notify("READY=1\nSTATUS=ready")  # not at Welcome: a coordinator that is away is no failed start
                case port.Loading():
                    notify(f"STATUS=loading {name}: {event.fraction:.0%}\nEXTEND_TIMEOUT_USEC=60000000")
                case port.Pulse():
                    self._last_pulse[name] = event
                case _:
                    pass
            self._perform(self._session.engine(name, event))

    async def _tick(self) -> None:
        beat = status = 0.0
        while True:
            now = time.monotonic()
            self._perform(self._session.tick(now))
            if now - beat >= self._session.heartbeat_s - TICK_S:
                beat = now
                if self._session.welcomed:
                    self._link.send(self._session.capacity())
            if now - status >= STATUS_S:
                status = now
                notify("WATCHDOG=1")
                state.write_status(self._folder, self._status())
            await asyncio.sleep(TICK_S)

    def _signal(self) -> None:
        if self._session.drain_until is not None:
            log.warning("stopping at once")
            self._exit = EXIT_STOPPED
            self._stop.set()
            return
        log.info("leaving: no new jobs; what runs has %.0f s (a second signal stops at once)", self._drain_s)
        notify(f"STOPPING=1\nEXTEND_TIMEOUT_USEC={int((self._drain_s + 15) * 1e6)}")
        self._perform(self._session.drain(self._drain_s, time.monotonic()))

    # ---- effects out ---------------------------------------------------------------------------------------------

    def _perform(self, wanted: list[effects.Effect]) -> None:
        for effect in wanted:
            match effect:
                case effects.Send():
                    self._link.send(effect.message)
                case effects.Command():
                    self._models[effect.model].engine.send(effect.command)
                case effects.Prepare():
                    task = asyncio.create_task(self._prepare(effect), name=f"prepare {effect.key}")
                    self._preparing.add(task)
                    task.add_done_callback(self._prepare_over)
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

    def _prepare_over(self, task: asyncio.Task[None]) -> None:
        self._preparing.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("%s failed: a bug in this worker", task.get_name(), exc_info=task.exception())
            self._exit = EXIT_STOPPED
            self._stop.set()

    async def _warm(self, model: Model) -> None:
        """The preparer is there before the first request; if it cannot be, each request says why."""
        try:
            await model.preparer.start()
        except SupernetError as error:
            log.error("preparer of %s: %s", model.offer.id, error.message)

    async def _close(self, model: Model) -> None:
        await asyncio.gather(model.engine.close(), model.preparer.close())

    def _status(self) -> dict[str, Any]:
        return {
            "time": time.time(),
            "worker": self._identity.worker,
            "version": self._identity.version,
            "coordinator": self._link.problem or "registered",
            "draining": self._session.drain_until is not None,
            "jobs": sum(not attempt.ended for attempt in self._session.attempts.values()),
            "earnings": None if self._session.earnings is None else self._session.earnings.model_dump(exclude={"type"}),
            "models": [state.model_dump() for state in self._session.capacity().models],
            "engines": {name: asdict(pulse) for name, pulse in self._last_pulse.items()},
        }
