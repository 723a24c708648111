"""The bus of the simulation is as bad as NATS may be, and no worse."""

from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any, cast

from tools.simulation.cluster.bus import BACK_S, NODES, SWALLOWED_S, Bus
from tools.simulation.world import World


@dataclass
class End:
    """A replica, as far as the bus knows it."""

    id: str
    got: list[bytes] = field(default_factory=list)
    running: bool = True
    newer: bool = False

    @property
    def where(self) -> str:
        return self.id

    def do(self, act: Any) -> None:
        act()

    def heard(self, data: bytes) -> None:
        self.got.append(data)

    def asked(self, data: bytes, respond: Any) -> None:
        respond(data.upper())


def joined(number: int = 3, seed: int = 1) -> tuple[World, Bus, list[Any]]:
    world = World(seed, "cluster")
    bus = Bus(world)
    ends = [End(f"end{i}") for i in range(number)]
    for end in ends:
        bus.join(cast(Any, end))
    return world, bus, ends


def numbers(end: Any) -> list[int]:
    return [int(data) for data in end.got]


def test_what_one_tells_another_keeps_its_order() -> None:
    world, bus, (one, two, three) = joined()
    for number in range(200):
        bus.publish(one, two.id, b"%d" % number)
    bus.publish(one, None, b"200")
    world.timeline.run(10)
    assert numbers(two) == list(range(201)) and numbers(three) == [200] and not one.got


def test_a_node_that_is_killed_loses_what_is_on_its_way_and_nothing_else() -> None:
    world, bus, (one, two, _) = joined()
    for number in range(1000):
        world.timeline.at(number / 1000, partial(bus.publish, one, two.id, b"%d" % number))
    for node in range(NODES):
        world.timeline.at(0.1 + 0.3 * node, partial(bus.kill_node, node))
    world.timeline.run(10)
    got = numbers(two)
    assert got == sorted(set(got)) and got[0] == 0 and got[-1] == 999
    gaps = [after - before for before, after in pairwise(got) if after - before > 1]
    assert 1 <= len(gaps) <= 2 * NODES and max(gaps) <= 1000 * BACK_S[1] + 50


def test_whoever_is_cut_off_hears_nothing_and_is_not_heard() -> None:
    world, bus, (one, two, three) = joined()
    bus.cut_off(one, 5.0)
    world.timeline.after(1.0, lambda: bus.publish(one, two.id, b"1"))
    world.timeline.after(1.0, lambda: bus.publish(two, None, b"2"))
    world.timeline.after(9.0, lambda: bus.publish(one, two.id, b"3"))
    world.timeline.run(20)
    assert (one.got, two.got, three.got) == ([], [b"3"], [b"2"])


def test_two_that_are_parted_are_heard_by_all_others() -> None:
    world, bus, (one, two, three) = joined()
    bus.part(one, two, 5.0)
    bus.publish(one, None, b"1")
    bus.publish(two, None, b"2")
    world.timeline.run(5)
    assert (one.got, two.got, sorted(three.got)) == ([], [], [b"1", b"2"])


def test_who_is_asked_answers_once_and_nobody_waits_longer_than_it_said() -> None:
    world, bus, (one, two, _) = joined()
    answers: list[tuple[float, bytes | None]] = []

    def answered(data: bytes | None) -> None:
        answers.append((world.timeline.now, data))

    def ask(at: float, to: str) -> None:
        world.timeline.at(at, partial(bus.ask, one, to, b"x", 0.4, answered))

    ask(0.0, two.id)
    ask(0.0, one.id)
    world.timeline.run(1.0)
    assert [data for _, data in answers] == [b"X", b"X"]
    bus.leave(two)
    ask(1.1, two.id)  # swallowed
    ask(1.2 + SWALLOWED_S, two.id)
    world.timeline.run(10)
    (swallowed, first), (refused, second) = answers[2:]
    assert first is None and second is None
    assert swallowed == 1.5 and refused < 1.2 + SWALLOWED_S + 0.4
