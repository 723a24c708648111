"""Clients that come back with their Idempotency-Key when their replica has died: another one takes up the answer."""

from functools import partial
from typing import TYPE_CHECKING

from coordinator.billing.billing import Ended, RunsElsewhere
from coordinator.cluster.protocol.codec import decode, encode
from coordinator.cluster.protocol.envelope import Envelope, pack, unpack
from coordinator.cluster.protocol.messages import Attach, Attached
from coordinator.scheduler.state import JobSpec
from coordinator.store.replicas import BEAT_S, STILL
from tools.simulation import orders
from tools.simulation.clients import named
from tools.simulation.coordinator import Coordinator
from tools.simulation.orders import Order
from wire.errors import SupernetError

if TYPE_CHECKING:
    from tools.simulation.cluster.member import Member
    from tools.simulation.world import World

ATTACH_S = 1.0
KNOWN_S = 2.0  # replicas have heard of each other by then
AGAIN_S = 1.0  # as it is told while its first request is said to run
PAUSE_S = 0.02
TRIES = 60


class Return:
    """One of them. `cell`: where its job was by the row of its key."""

    def __init__(self, world: "World", order: Order, edge: "Member", cell: str | None) -> None:
        self._world, self._order, self._edge, self._cell = world, order, edge, cell
        self._died_at = world.timeline.now
        self._tries = 0

    def comes(self) -> None:
        member = self._world.balancer.pick() if self._world.balancer else None
        self._tries += 1
        if self._tries > TRIES:
            return
        if member is None or not self._is_gone(member) or self._world.ledger.away:
            self._world.timeline.after(AGAIN_S, self.comes)
        else:
            member.do(partial(self._asks, member))

    def _is_gone(self, member: "Member") -> bool:
        """Whether a replica knows that the edge is dead: it has seen it die, or the database says so."""
        by_database = self._world.timeline.now - self._died_at > (STILL + 2) * BEAT_S
        knew_it = member.since < self._died_at - KNOWN_S
        return by_database or (knew_it and self._edge.id not in member.replica.network.peers)

    def _asks(self, member: "Member") -> None:
        if self._cell is None or self._cell == self._edge.id:
            self._anew(member)
            return
        question = Attach(self._order.spec.id, self._order.spec.account)
        data = pack(Envelope(member.id, (encode(question),)))
        member.bus.ask(member, self._cell, data, ATTACH_S, partial(self._answered, member))

    def _answered(self, member: "Member", data: bytes | None) -> None:
        envelope = None if data is None else unpack(data)
        answers = [] if envelope is None else [decode(message) for message in envelope.messages[:1]]
        answer = answers[0] if answers and isinstance(answers[0], Attached) else Attached()
        if answer.spec is None or not self._pays(member, answer.spec):
            self._anew(member)
            return
        assert self._cell is not None
        self._world.history.comes_back(self._order)
        self._world.history.note("attached", self._order.spec.id, member.where)
        self._world.clients.connected(self._order, member, PAUSE_S, again=True)
        member.attached(answer, self._cell)

    def _anew(self, member: "Member") -> None:
        """Nobody has it any more: it is asked for as the first time."""
        order = named(self._order, self._order.spec.id.partition(".")[0], self._world, member)
        if self._pays(member, order.spec):
            self._world.history.comes_back(order)
            self._world.clients.connected(order, member, PAUSE_S)
            Coordinator.submit(member, "", None, [order.spec])

    def _pays(self, member: "Member", spec: JobSpec) -> bool:
        """Under the hold that there is. False: that was ended, as it came too late."""
        try:
            member.pays(spec.id.partition(".")[0], orders.chat(self._order.request), spec, self._edge.id)
        except (SupernetError, Ended, RunsElsewhere):
            return False
        return True
