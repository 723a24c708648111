"""What the others say, and who of them is there."""

import json
from dataclasses import replace
from typing import Any

import pytest

from coordinator.cluster.protocol.codec import encode
from coordinator.cluster.protocol.effects import Ask, BusEffect, Publish, Reply, Reread
from coordinator.cluster.protocol.envelope import Envelope, pack, unpack
from coordinator.cluster.protocol.messages import BUS_VERSION
from coordinator.cluster.protocol.news import Revised
from coordinator.dispatch.effects import Effect, Failed
from tests.coordinator.cluster.town import Town, whole
from tests.coordinator.dispatch.driver import M


def test_questions_that_are_not_understood_are_answered_with_nothing() -> None:
    town = Town("a", "b")
    for data in (b"", b"junk", pack(Envelope("0000000b", (b"Tomorrow\n{}",)))):
        town.call("a", "asked", 7, data)
        assert isinstance(town.effects["a"][-1], Reply)
    assert town.replicas["a"].post.unreadable == 3


def test_what_a_later_version_says_is_passed_over() -> None:
    town = Town("a", "b")
    box = town.box("w", "b")
    job = town.ask("a")
    town.call("a", "heard", pack(Envelope("0000000b", (b"Tomorrow\n{}",))))
    town.call("a", "heard", b'{"v":%d,"from":"0000000b","sizes":[]}\n' % (BUS_VERSION + 1))
    town.steps(11)
    assert whole(town, job) and box.session


def tomorrow(data: bytes) -> bytes:
    """What a later version would say in place of this: the same, with kinds of messages and fields that we do not know,
    in the order in which they come."""
    envelope = unpack(data)
    assert envelope is not None
    messages = [b"Tomorrow\n{}"] if envelope.messages and envelope.of == 1 else []
    for message in envelope.messages:
        kind, _, rest = message.partition(b"\n")
        body, behind, files = rest.partition(b"\n")
        messages += [kind + b"\n" + json.dumps(with_more(json.loads(body))).encode() + behind + files]
        messages += [b"Tomorrow {}\n[1]"]
    header, _, body = pack(replace(envelope, messages=tuple(messages))).partition(b"\n")
    later = {"v": BUS_VERSION + 1, "least": BUS_VERSION, "colour": "blue"}
    return json.dumps(json.loads(header) | later).encode() + b"\n" + body


def with_more(value: Any) -> Any:
    """The same with a field more in each record; files and schemas, which are empty here, are none."""
    if isinstance(value, list):
        return [with_more(item) for item in value]
    if isinstance(value, dict) and value:
        return {name: with_more(item) for name, item in value.items()} | {"tomorrow": {"so": "far"}}
    return value


class Mixed(Town):
    """In which the replica `b` is of a later version."""

    def perform(self, name: str, effects: list[Effect | BusEffect]) -> None:
        if name == "b":
            effects = [
                replace(one, data=tomorrow(one.data)) if isinstance(one, Publish | Ask | Reply) else one
                for one in effects
            ]
        super().perform(name, effects)


@pytest.mark.parametrize("edge", ["a", "b"])
def test_two_neighbouring_versions_are_one_network(edge: str) -> None:
    """Jobs run at either for clients of the other, wait there, move when a worker dials the other, and go on when one
    is rolled: nothing is lost, doubled or counted as junk that stops anything."""
    town = Mixed("a", "b", "c")
    cell = "b" if edge == "a" else "a"
    box = town.box("w", cell, slots=2)
    jobs = [town.ask(edge, f"j{number}", tokens=40) for number in range(3)]
    for _ in range(10):
        town.steps(1)
        for job in jobs:
            town.takes(edge, job)
    town.passes(2)
    assert town.replicas[edge].queue_position(jobs[2]) is not None
    box.hangs_up()
    box.dial("c")
    town.passes(0.5)
    assert len(box.jobs) == 2, "they have gone along"
    box.hangs_up()
    box.dial(cell)
    town.passes(0.5)
    town.lose = 0.2
    for _ in range(90):
        town.steps(1)
        town.passes(0.25)
        for job in jobs:
            town.takes(edge, job)
    town.lose = 0.0
    town.passes(3)
    assert all(whole(town, job, 40) for job in jobs)
    assert all(town.replicas[name].online(M).workers == 1 for name in "abc")


def test_a_replica_of_another_version_gets_no_jobs() -> None:
    town = Town("a", "b")
    town.box("w", "b")
    later = replace(town.replicas["b"].network.ours, speaks=(BUS_VERSION + 1,))
    town.call("a", "heard", pack(Envelope("0000000b", (encode(later),))))
    (end,) = town.ends(town.ask("a"))
    assert isinstance(end, Failed) and end.error.code == "no_worker"


def test_a_replica_that_joins_is_told_what_there_is() -> None:
    town = Town("a", "b")
    town.box("w", "a")
    town.start("c")
    town.passes(1)
    assert town.replicas["c"].online(M).workers == 1
    assert len(town.replicas["c"].presence) == 1


def test_a_message_to_all_is_heard_by_all() -> None:
    town = Town("a", "b", "c")
    town.call("a", "say", Revised())
    assert all(Reread() in town.effects[name] for name in "bc") and Reread() not in town.effects["a"]


def test_what_is_lost_on_the_bus_is_said_again() -> None:
    town = Town("a", "b")
    town.box("w", "b", slots=8)
    jobs = [town.ask("a", f"j{number}", tokens=60) for number in range(4)]
    town.lose = 0.2
    for _ in range(61):
        town.steps(1)
        for job in jobs:
            town.takes("a", job)
    town.passes(3)
    town.lose = 0.0
    town.passes(3)
    town.steps(61)
    town.passes(1)
    assert all(whole(town, job, 60) for job in jobs)
    assert town.replicas["a"].post.lanes.gaps > 0


def test_when_the_bus_is_back_jobs_go_to_other_cells_at_once() -> None:
    town = Town("a", "b")
    town.box("w", "b")
    town.dark = True
    town.passes(5)
    (end,) = town.ends(town.ask("a", "dark"))
    assert isinstance(end, Failed) and end.error.code == "no_worker"
    town.dark = False
    town.passes(0.5)
    job = town.ask("a", "bright")
    town.steps(11)
    assert whole(town, job)


def test_what_there_is_to_know_is_asked_for_until_somebody_tells_it() -> None:
    """Before, once: where that question had no answer, a fresh replica never heard of what was before it."""
    town = Town("a", "b")
    town.replicas["a"].dispatch._state.fleet.owners.finished("somebody")
    town.passes(1)
    town.mute = {"a", "b"}
    town.start("c")
    town.passes(1)
    fresh = town.replicas["c"].dispatch._state.fleet.owners
    assert fresh.of("somebody").credit == 0
    town.mute = set()
    town.passes(3)
    assert fresh.of("somebody").credit == 1, "and counted once"
