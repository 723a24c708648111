"""The coordinator's shell in virtual time: the real dispatch, sockets, a timer. What the hub does, without asyncio."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import assert_never

from coordinator.admission.admission import Reservation
from coordinator.admission.blob_budget import BlobBudget
from coordinator.admission.rate_limits import Rates
from coordinator.artefact import Artefact
from coordinator.billing.billing import OpenBill
from coordinator.cluster.protocol.effects import Ask, BusEffect, Flush, Publish, Reply, Reread, Shown
from coordinator.cluster.replica import Replica
from coordinator.dispatch.dispatch import Dispatch
from coordinator.dispatch.effects import (
    Accepted,
    CloseWorker,
    Deliver,
    Drained,
    Effect,
    Failed,
    Finished,
    Handback,
    Made,
    Noted,
    Placed,
    Progressed,
    Queued,
    Send,
    SendFiles,
    StopFiles,
    Stopped,
)
from coordinator.hub.clock import TICK_S
from coordinator.request import ClientRequest
from coordinator.scheduler.state import JobSpec, Peer
from tools.simulation.links import Connection
from tools.simulation.reception import Reception
from tools.simulation.timeline import Act
from tools.simulation.workers import Process
from tools.simulation.world import World
from wire.errors import SupernetError
from wire.job_state import JobState
from wire.messages import Hello, ToCoordinator

ACCOUNT = "gpus"


class Coordinator:
    """One process. What comes to it from outside comes through do()."""

    where = id = ""  # its name among several, and that of this process

    def __init__(self, world: World, dispatch: Dispatch | Replica) -> None:
        self._world = world
        self.dispatch = dispatch
        self.cell = dispatch if isinstance(dispatch, Dispatch) else dispatch.dispatch  # what has its workers
        self.files = BlobBudget()
        self._books = world.books
        self._reserved: dict[str, Reservation] = {}
        self._bills: dict[str, OpenBill] = {}
        if world.books is not None:
            self.reception = Reception(world, self)
        self.sockets: dict[str, Connection] = {}
        self._open: list[Connection] = []
        self._effects: deque[Effect | BusEffect] = deque()
        self._performing = False
        self.running = True
        self._tick()

    @property
    def _now(self) -> float:
        return self._world.timeline.now

    def do(self, act: Act) -> None:
        """Now; never if the process is gone."""
        if self.running:
            act()

    # ---- workers -------------------------------------------------------------------------------------------------

    def accept(self, process: Process) -> Connection:
        connection = Connection(process, self, f"s{next(self._world.sessions)}")
        self._open.append(connection)
        return connection

    def join(self, hello: Hello, connection: Connection) -> None:
        self.sockets[connection.session] = connection
        self._perform(self.dispatch.worker_joined(hello, Peer(connection.session, ACCOUNT, "key"), self._now))

    def received(self, session: str, message: ToCoordinator) -> None:
        self._perform(self.dispatch.received(session, message, self._now))

    def left(self, session: str, resumable: bool) -> None:
        self.sockets.pop(session, None)
        self._perform(self.dispatch.worker_left(session, resumable, self._now))

    # ---- clients -------------------------------------------------------------------------------------------------

    def submit(self, name: str, job: ClientRequest | None, specs: Sequence[JobSpec]) -> None:
        """As intake does: the request has files of its own, which are counted and taken out when its last job has
        ended, and its money is set aside before. `job` None: nobody counts money here."""
        bill = None if job is None or self._books is None else self._books.open(name, job, specs[0].account)
        if bill is not None:
            self._bills |= {spec.id: bill for spec in specs}
        for spec in self.reserved(specs):
            self._perform(self.dispatch.submit(spec, self._now))

    def reserved(self, specs: Sequence[JobSpec]) -> list[JobSpec]:
        """The specs with the files of their request, which are counted."""
        blobs = dict(specs[0].blobs)
        self.files.take(blobs)
        reserved = Reservation(Rates(), self.files, blobs, (), 0, len(specs), {})
        self._reserved |= {spec.id: reserved for spec in specs}
        return [replace(spec, blobs=blobs) for spec in specs]

    def uploaded(self, job: str, attempt: int, artefact: Artefact | SupernetError) -> bool:
        effects = self.dispatch.uploaded(job, attempt, artefact, self._now)
        self._perform(effects or [])
        return effects is not None

    def cancel(self, job: str) -> None:
        self._perform(self.dispatch.cancel(job, self._now))

    def acknowledged(self, job: str, attempt: int, seq: int) -> None:
        self._perform(self.dispatch.acknowledged(job, attempt, seq, self._now))

    # ---- its end -------------------------------------------------------------------------------------------------

    def drain(self, within_s: float) -> None:
        self._perform(self.dispatch.drain(within_s, self._now))

    def stop(self) -> None:
        """Gone with all it knew; the kernels of the workers hear of it. Once: it may be killed as it drains."""
        if not self.running:
            return
        self.running = False
        self._world.history.counters(self.dispatch.counters)
        for connection in self._open:
            connection.coordinator_open = False
            connection.drop()
        self._world.coordinators.remove(self)
        self._world.clients.coordinator_lost(self)
        self._world.patrons.coordinator_lost()
        self._world.timeline.after(self._world.dice.uniform(0.1, 5), self._again)

    def _again(self) -> None:
        """Another process takes its place."""
        start(self._world)

    def wanted(self, session: str, frame: str) -> bool:
        """Whether a piece is of a file of a job that was offered on this socket, and that nobody has decided about."""
        here = (worker for worker in self.dispatch.workers if worker.peer.session == session)
        offered = [x.spec for worker in here for x in worker.leases.values() if x.state is JobState.OFFERED]
        return any(name in frame for spec in offered if spec is not None for name in spec.blobs)

    # ---- time and effects ----------------------------------------------------------------------------------------

    def _tick(self) -> None:
        self._perform(self.dispatch.tick(self._now))
        self._world.clients.cut_slow(self)
        if self._books is not None:
            self._books.look(self.dispatch.progress, self._now)
        self._open = [connection for connection in self._open if connection.coordinator_open]
        self._world.timeline.after(TICK_S, partial(self.do, self._tick))

    def _perform(self, effects: Sequence[Effect | BusEffect]) -> None:
        self._effects.extend(effects)
        if self._performing:
            return
        self._performing = True
        while self._effects:
            self._one(self._effects.popleft())
        self._performing = False

    def _one(self, effect: Effect | BusEffect) -> None:
        history = self._world.history
        match effect:
            case Send():
                socket = self.sockets.get(effect.session)
                if socket is None:
                    history.note("stray", effect.message.type, effect.session)
                else:
                    socket.send_down(effect.message)
            case SendFiles() | StopFiles():
                if effect.session in self.sockets:
                    self.sockets[effect.session].files(effect)
            case CloseWorker():
                if effect.session in self.sockets:
                    self.sockets[effect.session].close_worker(effect.code, effect.reason)
            case Deliver():
                self._world.clients.tell(effect)
            case Finished() | Failed() | Stopped():
                self._end(effect)
            case Progressed() | Made():
                self._world.patrons.tell(effect)
            case Noted():
                history.note("noted", effect.event, effect.worker, effect.job, effect.detail, self.where)
            case Placed():
                history.note("placed", effect.job, effect.worker, effect.attempt, self.where)
            case Drained():
                self._world.timeline.after(0.1, self.stop)
            case Queued() | Accepted():
                pass
            case Handback() | Publish() | Ask() | Reply() | Flush() | Reread() | Shown():
                raise AssertionError("there is nowhere else to go")
            case _:
                assert_never(effect)

    def _end(self, end: Finished | Failed | Stopped) -> None:
        order, commission = self._world.orders.get(end.job), self._world.commissions.get(end.job)
        asked = order or commission
        assert asked is not None
        self._reserved.pop(end.job).ended(asked.spec, end)
        if (bill := self._bills.pop(end.job, None)) is not None:
            bill.ended(asked.spec, end)
        if commission is None:
            self._world.clients.tell(end)
        else:
            self._world.patrons.tell(end)


def start(world: World) -> None:
    world.history.note("coordinator starts", "")
    if world.books is not None:
        world.books.starts()
    world.coordinators = [Coordinator(world, Dispatch(world.scenario.limits))]
