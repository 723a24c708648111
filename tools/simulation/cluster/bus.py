"""NATS core in virtual time: at most once, in order from each to each, and holes while a line or a node is down.

A replica has two connections, as in truth: what is published on one keeps its order; requests go their own way.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from coordinator.cluster.bus.port import KEPT_S
from tools.simulation.cluster.delays import Delays
from tools.simulation.cluster.versions import newer

if TYPE_CHECKING:
    from tools.simulation.cluster.member import Member
    from tools.simulation.world import World

Act = Callable[[], None]
Answer = Callable[[bytes | None], None]

LATENCIES = (0.0003, 0.002, 0.02)
SPIKE = 0.01  # chance that a message takes much longer
NODES = 3
BACK_S = (0.05, 0.3)  # until a replica whose node was killed is at another
LATE_S = 0.5  # more than a message takes where nothing is slow
SWALLOWED_S = 0.5  # after its end a replica's requests are swallowed; later ones have no responder


@dataclass
class Line:
    """The connection of one replica to its node. `mute`: nothing goes out, `deaf`: nothing comes in; how many faults
    say so. `keeps`: what it publishes while it is mute is sent when it is not any more, as a client library does."""

    node: int
    mute: int = 0
    deaf: int = 0
    keeps: bool = False
    kept: list[tuple[float, Act]] = field(default_factory=list)


class Bus:
    def __init__(self, world: "World") -> None:
        self._world, self._timeline, self._dice = world, world.timeline, world.dice
        self._base_s = world.dice.choice(LATENCIES)
        self._lines: dict[str, Line] = {}  # by replica
        self._members: dict[str, Member] = {}
        self._left: dict[str, float] = {}
        self._parted: set[tuple[str, str]] = set()
        self._last: defaultdict[tuple[str, str], float] = defaultdict(float)  # arrival, from each to each
        self.delays = Delays(world.timeline)
        self._killed: defaultdict[int, float] = defaultdict(lambda: -1.0)  # when a node was killed last

    def join(self, member: "Member") -> None:
        self._members[member.id] = member
        self._lines[member.id] = Line(self._dice.randrange(NODES))

    def leave(self, member: "Member") -> None:
        del self._members[member.id], self._lines[member.id]
        self._left[member.id] = self._timeline.now

    # ---- messages ------------------------------------------------------------------------------------------------

    def publish(self, sender: "Member", to: str | None, data: bytes) -> None:
        """To one, or to all others."""
        if self._lines[sender.id].mute:
            self._keep(sender, to, data)
            return
        for other in list(self._members.values()) if to is None else [self._members.get(to)]:
            if other is not None and other is not sender:
                late_s = self.delays.of(sender.id, other.id)
                came = max(self._last[sender.id, other.id], self._timeline.now + self._latency() + late_s)
                self._last[sender.id, other.id] = came
                self._carry(sender, other, came, partial(other.heard, _between(sender, other, data)))

    def ask(self, sender: "Member", to: str | None, data: bytes, within_s: float, answer: Answer) -> None:
        """One replica, itself too, or any other. `answer` is called once: with the answer, or with None as nobody is
        there, or none came in time."""
        asking = Asking(answer)
        self._timeline.after(within_s, partial(sender.do, partial(asking.end, None)))
        line, other = self._lines[sender.id], self._asked(sender, to)
        if line.mute and line.deaf:  # it knows that it is cut off
            self._timeline.after(0, partial(sender.do, partial(asking.end, None)))
        elif line.mute:
            return
        elif other is not None:
            reply = partial(self._reply, other, sender, asking)
            said = _between(sender, other, data)
            self._carry(sender, other, self._timeline.now + self._latency(), partial(other.asked, said, reply))
        elif to is None or self._timeline.now - self._left.get(to, -SWALLOWED_S) >= SWALLOWED_S:
            self._timeline.after(2 * self._latency(), partial(sender.do, partial(asking.end, None)))

    def _asked(self, sender: "Member", to: str | None) -> "Member | None":
        if to is not None:
            return self._members.get(to)
        others = [member for member in self._members.values() if member is not sender]
        return self._dice.choice(others) if others else None

    def _reply(self, sender: "Member", asker: "Member", asking: "Asking", data: bytes) -> None:
        if sender.running and not self._lines[sender.id].mute:
            said = _between(sender, asker, data)
            self._carry(sender, asker, self._timeline.now + self._latency(), partial(asking.end, said))

    def _carry(self, sender: "Member", other: "Member", when: float, act: Act) -> None:
        sent = self._timeline.now
        self._timeline.at(when, partial(self._arrive, sender, other, sent, act))

    def _arrive(self, sender: "Member", other: "Member", sent: float, act: Act) -> None:
        line = self._lines.get(other.id)
        if line is None:
            return  # it has ended meanwhile
        nodes = {line.node} | ({self._lines[sender.id].node} if sender.id in self._lines else set())
        lost = line.deaf or (sender.id, other.id) in self._parted or any(self._killed[node] >= sent for node in nodes)
        if lost:
            self._world.history.note("bus loses", sender.where, other.where)
        else:
            other.do(act)

    def _latency(self) -> float:
        spike = 20.0 if self._dice.random() < SPIKE else 1.0
        return self._base_s * self._dice.uniform(0.5, 1.5) * spike

    def is_open(self, sender: "Member", other: "Member") -> bool:
        """Whether what the one publishes now reaches the other, and soon."""
        off = self._lines[sender.id].mute or self._lines[other.id].deaf or (sender.id, other.id) in self._parted
        return not off and self._last[sender.id, other.id] <= self._timeline.now + LATE_S

    # ---- faults --------------------------------------------------------------------------------------------------

    def cut_off(self, member: "Member", seconds: float, mute: bool = True, deaf: bool = True) -> None:
        """Whoever is mute alone does not know it, so what it publishes is lost."""
        line = self._lines[member.id]
        line.keeps = mute and deaf and self._dice.random() < 0.5
        line.mute += mute
        line.deaf += deaf
        self._timeline.after(seconds, partial(self._mend, member.id, line, mute, deaf))

    def _mend(self, member: str, line: Line, mute: int, deaf: int) -> None:
        line.mute = max(0, line.mute - mute)
        line.deaf = max(0, line.deaf - deaf)
        if not line.mute and self._lines.get(member) is line:
            kept, line.kept = line.kept, []
            for at, act in kept:
                if self._timeline.now - at <= KEPT_S:
                    act()

    def _keep(self, sender: "Member", to: str | None, data: bytes) -> None:
        line = self._lines[sender.id]
        if line.keeps:
            line.kept.append((self._timeline.now, partial(self.publish, sender, to, data)))

    def part(self, one: "Member", other: "Member", seconds: float) -> None:
        """The two do not hear each other; all others hear both."""
        pair = {(one.id, other.id), (other.id, one.id)}
        self._parted |= pair
        self._timeline.after(seconds, partial(self._parted.difference_update, pair))

    def restore(self, member: "Member") -> None:
        """It is heard again, and hears."""
        line = self._lines[member.id]
        self._mend(member.id, line, line.mute, line.deaf)

    def heal(self) -> None:
        self._parted.clear()
        self.delays.end()
        for member, line in self._lines.items():
            self._mend(member, line, line.mute, line.deaf)

    def dark(self, seconds: float) -> None:
        for member in list(self._members.values()):
            self.cut_off(member, seconds)

    def kill_node(self, node: int) -> None:
        """What is on its way through it is lost; those that are at it go to another."""
        self._killed[node] = self._timeline.now
        for member, line in self._lines.items():
            if line.node == node:
                line.node = (node + self._dice.randint(1, NODES - 1)) % NODES
                self.cut_off(self._members[member], self._dice.uniform(*BACK_S))


def _between(sender: "Member", other: "Member", data: bytes) -> bytes:
    return newer(data) if sender.newer and not other.newer else data


@dataclass
class Asking:
    """A request that was made."""

    answer: Answer
    ended: bool = False

    def end(self, data: bytes | None) -> None:
        if not self.ended:
            self.ended = True
            self.answer(data)
