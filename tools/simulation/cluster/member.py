"""A replica's shell in virtual time: the coordinator's, with a clock of its own machine and the bus. It can freeze."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from coordinator.admission.rate_limits import Rates
from coordinator.cluster.bus.member import PAUSE_S
from coordinator.cluster.protocol.effects import Ask, BusEffect, Flush, Publish, Reply, Reread, Shown
from coordinator.cluster.protocol.messages import Attached
from coordinator.cluster.protocol.news import Bye
from coordinator.cluster.replica import Replica
from coordinator.dispatch.effects import Drained, Effect, Placed, Send
from coordinator.hub.clock import Clock
from coordinator.request import ClientRequest
from coordinator.scheduler.state import JobSpec
from coordinator.store.replicas import BEAT_S, STILL
from tools.simulation.cluster.accord import Accord
from tools.simulation.cluster.balancer import Balancer
from tools.simulation.cluster.bus import Bus
from tools.simulation.cluster.returning import Return
from tools.simulation.coordinator import ACCOUNT, Coordinator
from tools.simulation.links import Connection, late
from tools.simulation.timeline import Act
from tools.simulation.workers import Process
from wire.errors import SupernetError
from wire.messages import Move, Start, Welcome

if TYPE_CHECKING:
    from tools.simulation.world import World

BOOTED_S = 1e6  # at most: how long its machine has been up, which is what its clock shows
PINGS_S = 25.0  # until a worker finds out by its pings that its replica is frozen
BYE_S = 0.05  # what it has said last is sent
WELCOME_S = 10.0  # for so long it waits for a Welcome

Respond = Callable[[bytes], None]


class Member(Coordinator):
    """`place` and `where` name the machine, `id` the process on it. `ill_since`: since when it has not said that it is
    ready. `newer`: it says more than those understand that are not."""

    def __init__(self, world: "World", place: int) -> None:
        dice = world.dice
        self.place, self.where = place, f"r{place}"
        self.id = f"{dice.getrandbits(32):08x}"
        booted = dice.uniform(0, BOOTED_S)
        self._clock = Clock(lambda: world.timeline.now + booted)
        self.since = world.timeline.now
        self.newer = world.dice.random() < world.scenario.newer
        self.frozen = False
        self.ill_since: float | None = None
        self._backlog: deque[Act] = deque()
        self._questions: dict[int, Respond] = {}
        self._numbers = count()
        self.bus = world.bus
        self.bus.join(self)
        self.replica = Replica(self.id, world.scenario.limits, Rates(), dice.random, name=self.where)
        self.desk = world.ledger.desk(self.id, self.where)
        super().__init__(world, self.replica)
        world.timeline.after(dice.uniform(0, BEAT_S), partial(self.do, self._beat))

    @property
    def _now(self) -> float:
        return self._clock.now()

    @property
    def connections(self) -> int:
        return len(self.sockets) + len(self._reserved)

    # ---- money ---------------------------------------------------------------------------------------------------

    def submit(self, name: str, job: ClientRequest | None, specs: Sequence[JobSpec]) -> None:
        assert job is not None
        try:
            self.pays(name, job, specs[0])
        except SupernetError as error:
            self._world.clients.refused(specs[0].id, error)
        else:
            super().submit(name, None, specs)

    def pays(self, name: str, job: ClientRequest, spec: JobSpec, instead_of: str | None = None) -> None:
        """Set its money aside; `instead_of` the replica that had done so before. Raises what Billing.open does."""
        bill = self.desk.open(name, job, spec, instead_of)
        bill.jobs = (spec.id,)
        self._bills[spec.id] = bill

    def attached(self, answer: Attached, cell: str) -> None:
        """A job of a replica that is gone runs in this cell, for a client of ours now."""
        assert answer.spec is not None
        (spec,) = self.reserved([answer.spec])
        self._perform(self.replica.attached(replace(answer, spec=spec), cell, self._now))

    def _beat(self) -> None:
        self.desk.look(self.replica.progress, self._now)
        self.desk.beat()
        self._world.timeline.after(BEAT_S, partial(self.do, self._beat))

    # ---- as a process --------------------------------------------------------------------------------------------

    def do(self, act: Act) -> None:
        if self.frozen and self.running:
            self._backlog.append(act)
        else:
            super().do(act)

    def freeze(self, seconds: float) -> None:
        """Its sockets stay open, as its kernel answers for them; who pings gives it up at last."""
        self.frozen, self.ill_since = True, self._world.timeline.now
        self._world.history.note("replica frozen", self.where)
        if seconds > STILL * BEAT_S - BEAT_S:
            self._world.ledger.unsure.add(self.id)
        self._world.timeline.after(seconds, self.thaw)
        for connection in self._open if seconds > PINGS_S else ():
            self._world.timeline.after(PINGS_S - late(self._world.dice, 5.0), connection.give_up)

    def thaw(self) -> None:
        if self.frozen:
            assert self.ill_since is not None
            self._world.history.note("thawed", self.where, self._world.timeline.now - self.ill_since)
            self.frozen, self.ill_since = False, None
            backlog, self._backlog = self._backlog, deque()
            for act in backlog:
                self._world.timeline.after(0, partial(self.do, act))

    def accept(self, process: Process) -> Connection:
        connection = super().accept(process)
        self._world.timeline.after(WELCOME_S, partial(process.do, partial(_unless_welcomed, connection)))
        return connection

    def drain(self, within_s: float) -> None:
        self.ill_since = self._world.timeline.now
        super().drain(within_s)

    def stop(self) -> None:
        if self.running:
            self.bus.leave(self)
            if self.desk.behind:
                self._world.ledger.unsure.add(self.id)
            for job, client in self._world.clients.open.items():
                if client.coordinator is self and client.order.spec.stays:
                    journey = self.replica.jobs.itinerary.jobs.get(job)
                    again = Return(self._world, client.order, self, None if journey is None else journey.cell)
                    self._world.timeline.after(self._world.dice.uniform(0.1, 3), again.comes)
        super().stop()

    def _again(self) -> None:
        begin(self._world, self.place)

    def move_some(self) -> None:
        """Send away a few of its workers, to where the balancer has them."""
        sockets = list(self.sockets.values())
        for connection in self._world.dice.sample(sockets, -(-len(sockets) // 10)):
            connection.send_down(Move(after_s=0.0))

    # ---- the bus -------------------------------------------------------------------------------------------------

    def heard(self, data: bytes) -> None:
        self._perform(self.replica.heard(data, self._now))

    def asked(self, data: bytes, respond: Respond) -> None:
        number = next(self._numbers)
        self._questions[number] = respond
        self._perform(self.replica.asked(number, data, self._now))

    def _answered(self, ask: int, data: bytes | None) -> None:
        self._perform(self.replica.answered(ask, data, self._now))

    def _flush(self) -> None:
        self._perform(self.replica.flush(self._now))

    def _one(self, effect: Effect | BusEffect) -> None:
        match effect:
            case Flush():
                self._world.timeline.after(PAUSE_S if effect.can_wait else 0, partial(self.do, self._flush))
            case Publish():
                self.bus.publish(self, effect.to, effect.data)
            case Ask():
                self.bus.ask(self, effect.to, effect.data, effect.within_s, partial(self._answered, effect.ask))
            case Reply():
                if (respond := self._questions.pop(effect.ask, None)) is not None:
                    respond(effect.data)
            case Reread() | Placed():
                pass  # by whose word somebody was asked does not matter, but that he was
            case Send(message=Start() as start) if start.job in self._world.orders:
                worker = f"{ACCOUNT}/{self.sockets[effect.session].process.machine.name}"
                self._world.history.note("placed", start.job, worker, start.attempt, self.where)
                super()._one(effect)
            case Send(message=Welcome() as welcome):
                for kept in welcome.kept:
                    self._world.history.note("kept", kept.job, kept.attempt)
                super()._one(effect)
            case Drained():
                self._perform(self.replica.say(Bye(), self._now))
                self._world.timeline.after(BYE_S, self.stop)
            case Shown():
                raise AssertionError("nobody looks")
            case _:
                super()._one(effect)


def _unless_welcomed(connection: Connection) -> None:
    process = connection.process
    if process.connection is connection and not process.session.line.welcomed:
        connection.give_up()


def populate(world: "World") -> None:
    """All replicas, what joins them, and what is before them."""
    world.bus, world.balancer = Bus(world), Balancer(world)
    Accord(world)
    for place in range(world.scenario.replicas):
        begin(world, place)


def begin(world: "World", place: int) -> None:
    """A process starts on a machine."""
    member = Member(world, place)
    world.history.note("coordinator starts", member.where, member.id)
    world.coordinators.append(member)
