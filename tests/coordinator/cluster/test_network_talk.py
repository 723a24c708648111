"""What the others say, and who of them is there."""

from dataclasses import replace

from coordinator.cluster.protocol.codec import encode
from coordinator.cluster.protocol.effects import Reply, Reread
from coordinator.cluster.protocol.envelope import Envelope, pack
from coordinator.cluster.protocol.messages import BUS_VERSION
from coordinator.cluster.protocol.news import Revised
from coordinator.dispatch.effects import Failed
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
