"""Workers: the real session, with a daemon, an engine and a line around it that live in virtual time."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from tools.simulation import orders, pictures
from tools.simulation.commissions import PAINTER, brings
from tools.simulation.engines import Engine
from tools.simulation.lies import Liar
from tools.simulation.links import Connection
from tools.simulation.painters import Painter
from tools.simulation.studios import EDIT, PAINT, Easel, Studio
from tools.simulation.timeline import Act
from tools.simulation.world import OVERSHOOT, World
from wire import messages as wire
from wire.blobs import VISION, Blob
from wire.chat import ChatRequest
from wire.errors import ErrorCode, SupernetError
from wire.media import MEDIA, MediaRequest
from wire.messages import HEARTBEAT_S, Hello, Start, ToWorker
from wire.offers import ModelOffer
from wire.pictures import PATCH
from worker.daemon import backoff
from worker.engine import port
from worker.session import effects
from worker.session.served_model import ServedModel
from worker.session.session import Session
from worker.session.slots import Slots

TICK_S = 0.25
REMEMBERED_S = 3.0  # at most, a worker by the coordinator that has sent it away, until it has heard where it is now


@dataclass
class Process:
    """One process of a worker, from its start to its end."""

    machine: "Machine"
    instance: str
    session: Session
    alive: bool = True
    frozen: bool = False
    connection: Connection | None = None
    engine: Engine = field(init=False)
    studio: Studio | None = field(init=False)
    _backlog: deque[Act] = field(default_factory=deque)
    _failures: int = 0
    _pause_s: float | None = None  # a Move asked for it
    cuts: int = 0  # lines that have ended, and not as it was sent away
    _left: dict[str, float] = field(default_factory=dict)  # the coordinators that it was at, and until when
    _beat: float = 0.0
    _most_unacked: int = 0
    _offered: set[str] = field(default_factory=set)  # files of jobs that it was asked to serve

    def __post_init__(self) -> None:
        self.world = self.machine.world
        self.name = f"{self.machine.name}/{self.instance}"
        self.engine = Engine(self, self.machine.slots, self.machine.pace_s)
        self.studio = None if self.machine.easel is None else Studio(self, self.machine.easel)

    def start(self) -> None:
        self.engine.load()
        if self.studio is not None:
            self.studio.painter.load()
        self._dial()
        self._tick()

    # ---- time ----------------------------------------------------------------------------------------------------

    def do(self, act: Act) -> None:
        """Now; after it if the process is suspended; never if it is gone."""
        if self.frozen:
            self._backlog.append(act)
        elif self.alive:
            act()

    def later(self, delay_s: float, act: Act) -> None:
        self.world.timeline.after(delay_s, lambda: self.do(act))

    def thaw(self) -> None:
        self.frozen = False
        backlog, self._backlog = self._backlog, deque()
        for act in backlog:
            self.later(0, act)

    def _tick(self) -> None:
        now = self.world.timeline.now
        self.perform(self.session.tick(now))
        if self.session.models[orders.MODEL].slots.free + self.engine.busy > self.machine.slots:
            self.world.history.note("lent twice", self.name)
        if self.studio is not None:
            self.studio.look()
        if now - self._beat >= HEARTBEAT_S - TICK_S:
            self._beat = now
            if self.session.line.welcomed:
                self._send(effects.Send(self.session.capacity()))
        self.later(TICK_S, self._tick)

    # ---- the line ------------------------------------------------------------------------------------------------

    def _dial(self) -> None:
        self.later(2 * self.world.scenario.latency_s, self._dialled)

    def _dialled(self) -> None:
        coordinator = self.world.reach()
        if coordinator is None or self.world.timeline.now < self.machine.cut_off_until:
            self._redial()
            return
        now = self.world.timeline.now
        self.cuts += now - self._left.get(coordinator.id, -REMEMBERED_S) < REMEMBERED_S
        self.connection = coordinator.accept(self)
        offers = tuple(served.offer for served in self.session.models.values())
        media = tuple(served.offer for served in self.session.media.values())
        hello = Hello(
            worker=self.machine.name,
            instance=self.instance,
            models=offers,
            media=media,
            features=(MEDIA,) if media else (),
            resume=self.session.resume(),
        )
        self.connection.send_up(hello)

    def received(self, connection: Connection, message: ToWorker) -> None:
        if connection is self.connection:
            if message.type == "welcome":
                self._failures = 0
            self._look(message)
            self.perform(self.session.received(message, self.world.timeline.now))

    def _look(self, message: ToWorker) -> None:
        """Files come of jobs that this worker was offered, and of no others."""
        if isinstance(message, Start) and isinstance(message.request, ChatRequest):
            self._offered |= {image.sha256 for image in message.request.messages[0].images}
        elif isinstance(message, Start) and isinstance(message.request, MediaRequest):
            self._offered |= brings(message.request)
        elif isinstance(message, wire.Cancel) and self.studio is not None:
            self.studio.told_to_cancel(message)
        elif isinstance(message, Blob) and message.sha256 not in self._offered:
            self.world.history.note("not offered", self.name, message.sha256)

    def lost(self, connection: Connection) -> None:
        if connection is self.connection:
            self.cuts += 1
            self._redial()

    def _redial(self) -> None:
        self.connection = None
        self.session.link_lost(self.world.timeline.now)
        pause_s, self._pause_s = self._pause_s, None
        if pause_s is None:
            most_s = min(backoff.MOST_S, backoff.FIRST_S * 2 ** min(self._failures, 10))
            pause_s = self.world.dice.uniform(0, most_s)
            self._failures += 1
        self.later(pause_s, self._dial)

    # ---- events --------------------------------------------------------------------------------------------------

    def engine_says(self, event: port.Event) -> None:
        self.perform(self.session.engine(orders.MODEL, event))
        most = max((attempt.unacked_tokens for attempt in self.session.jobs.attempts.values()), default=0)
        if most > self.session.line.window_tokens + OVERSHOOT:
            self.world.history.note("overflow", self.name, most)

    def drain(self, deadline_s: float) -> None:
        if not self.session.leaving.begun:
            self.perform(self.session.drain(deadline_s, self.world.timeline.now))

    def end(self, goodbye: Callable[[Connection], None]) -> None:
        """The process is over; `goodbye` is what becomes of its socket."""
        self.alive = False
        if self.studio is not None:
            self.studio.end()
        if self.connection is not None:
            goodbye(self.connection)
            self.connection = None

    # ---- effects -------------------------------------------------------------------------------------------------

    def perform(self, wanted: list[effects.Effect]) -> None:
        for effect in wanted:
            if not self.alive:
                return
            match effect:
                case effects.Send():
                    self._send(effect)
                case effects.Command():
                    self.engine.send(effect.command)
                case effects.ReadPictures():
                    self.later(self.machine.prepare_s(), partial(self._read, effect))
                case effects.Prepare():
                    self.later(self.machine.prepare_s(), partial(self._prepare, effect))
                case effects.OfMedia():
                    assert self.studio is not None
                    self.studio.perform(effect)
                case effects.Redial():
                    self._move(effect.after_s)
                case effects.Leave():
                    self.machine.left()

    def _send(self, effect: effects.Send) -> None:
        if isinstance(effect.message, wire.Refused) and "spoiled" in effect.message.message:
            self.world.history.note("spoiled", self.name, effect.message.job)
        if self.connection is not None:
            for message in self.machine.liar.says(effect.message):
                self.connection.send_up(message)

    def _read(self, wanted: effects.ReadPictures, number: int = 0) -> None:
        """One after the other: much can happen between two."""
        self.perform(self.session.picture_read(wanted, pictures.read(wanted.files[number]), PATCH**2))
        if self.session.jobs.chats.pictures.reads(wanted):
            self.later(self.machine.prepare_s(), partial(self._read, wanted, number + 1))

    def _prepare(self, wanted: effects.Prepare) -> None:
        order = self.world.orders.get(wanted.key.job)  # None: the coordinator tests this worker
        if order is not None and order.kind == "hostile":
            error = SupernetError(ErrorCode.INVALID_REQUEST, "this request crashed the tokeniser")
            self.perform(self.session.prepare_failed(wanted.key, error))
        else:
            prepared = orders.prepared(wanted.request, wanted.delivered, wanted.seen)
            self.perform(self.session.prepared(wanted.key, prepared))

    def _move(self, after_s: float) -> None:
        connection = self.connection
        if connection is not None:
            self._pause_s = after_s
            self._left[connection.coordinator.id] = self.world.timeline.now
            connection.worker_open = False
            connection.drop()
            self._redial()


class Machine:
    """A worker's place: its processes come and go, its name stays."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        dice = world.dice
        self.slots = dice.randint(1, 3)
        self.pace_s = dice.choice((0.01, 0.03, 0.1))
        self.easel: Easel | None = None
        if world.kind == "media" and (name == "w0" or dice.random() < PAINT):
            edits = name == "w0" or dice.random() < EDIT
            self.easel = Easel(dice.randint(1, 2), edits, dice.choice((0.05, 0.5, 2.0)))
        self.sees = world.pictures is not None and (name == "w0" or dice.random() < pictures.SEE)
        self.slow_prepare_s = 0.0
        self.cut_off_until = 0.0
        self.liar = Liar(world)
        self.process: Process | None = None
        self._instances = 0
        self.start()

    def start(self) -> None:
        if self.process is None:
            self._instances += 1
            features = (VISION,) if self.sees else ()
            offer = ModelOffer(id=orders.MODEL, context=orders.CONTEXT, slots=self.slots, features=features)
            media = {} if self.easel is None else {PAINTER.id: self.easel.served()}
            session = Session({orders.MODEL: ServedModel(offer, Slots(self.slots))}, media)
            self.process = Process(self, str(self._instances), session)
            self.world.history.note("start", self.process.name)
            self.process.start()

    def prepare_s(self) -> float:
        return self.world.dice.uniform(0.001, 0.3) + self.slow_prepare_s

    def kill(self, goodbye: Callable[[Connection], None], restart_s: float) -> None:
        if self.process is not None:
            self.world.history.note("kill", self.process.name)
            process, self.process = self.process, None
            process.end(goodbye)
            self.world.timeline.after(restart_s, self.start)

    def left(self) -> None:
        """Drained: its supervisor starts it again a little later."""
        assert self.process is not None
        self.world.history.note("left", self.process.name)
        process, self.process = self.process, None
        process.end(Connection.close_coordinator)
        self.world.timeline.after(self.world.dice.uniform(0.5, 5), self.start)

    def heal(self) -> None:
        self.slow_prepare_s = self.cut_off_until = 0.0
        self.liar.honest = True
        if self.process is None:
            self.start()
            return
        self.process.thaw()
        engines: list[Engine | Painter] = [self.process.engine]
        if self.process.studio is not None:
            engines.append(self.process.studio.painter)
        for engine in engines:
            engine.heal()
        if any(engine.broken or engine.moods.hung for engine in engines):
            self.kill(Connection.drop, 1.0)
