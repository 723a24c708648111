"""A replica that leaves, and one with too many workers."""

from coordinator.cluster.protocol.news import Bye
from coordinator.dispatch.effects import Drained, Failed
from coordinator.scheduler.state import JobSpec
from tests.coordinator.cluster.town import Town, whole
from tests.coordinator.dispatch.driver import M
from wire.chat import ChatRequest, Message


def leaves(town: Town, name: str, within_s: float = 60.0) -> None:
    """The replica is told to end; whoever it sends away dials the next one a moment later."""
    town.call(name, "drain", within_s)
    others = [other for other in town.replicas if other != name]
    for round in range(int(within_s * 4) + 8):
        town.passes(0.25)
        town.steps(1)
        for box in town.moved[:]:
            town.moved.remove(box)
            box.hangs_up()
            box.dial(others[round % len(others)])
        if any(isinstance(effect, Drained) for effect in town.effects[name]):
            return
    raise AssertionError("it does not end")


def test_a_replica_that_leaves_sends_its_workers_and_their_jobs_to_others() -> None:
    town = Town("a", "b", "c")
    for number in range(6):
        town.box(f"w{number}", "a", slots=1)
    jobs = [town.ask(at, f"j{number}", tokens=60) for number, at in enumerate("aabbcc")]
    waits = [town.ask("a", f"k{number}", tokens=20) for number in range(3)]
    leaves(town, "a")
    town.call("a", "say", Bye())
    town.kill("a")
    town.passes(1)
    for _ in range(4):
        town.steps(61)
        town.passes(0.5)
    assert all(whole(town, job, 60) for job in jobs) and all(whole(town, job, 20) for job in waits)
    assert all(end.report.attempts == 1 for job in jobs for end in town.ends(job))


def test_a_replica_that_leaves_tells_so_at_once_and_serves_those_who_come_all_the_same_for_a_while() -> None:
    town = Town("a", "b")
    town.box("w1", "a")
    town.call("a", "drain", 60.0)
    assert town.replicas["a"].draining
    town.passes(0.25)
    assert not list(town.replicas["b"].pictures.cells(town.now))
    early = town.ask("a", "early")
    town.box("w2", "b")
    town.passes(6)
    late = town.ask("a", "late")
    town.steps(11)
    assert whole(town, early)
    (end,) = town.ends(late)
    assert isinstance(end, Failed) and end.error.code == "shutting_down"


def test_a_replica_without_others_ends_when_its_jobs_have() -> None:
    town = Town("a")
    town.box("w", "a")
    job = town.ask("a", tokens=12)
    town.call("a", "drain", 60.0)
    for _ in range(60):
        town.passes(0.25)
        town.steps(1)
    assert whole(town, job, 12)
    assert any(isinstance(effect, Drained) for effect in town.effects["a"])


def test_what_has_not_ended_when_the_time_is_up_is_told_so() -> None:
    town = Town("a", "b")
    town.box("w", "b")
    job = town.ask("a", tokens=900)
    town.call("a", "drain", 8.0)
    town.passes(9)
    (end,) = town.ends(job)
    assert isinstance(end, Failed) and end.error.code == "shutting_down"
    assert any(isinstance(effect, Drained) for effect in town.effects["a"])
    town.passes(1)
    assert town.has("b") == 0


def test_a_cell_with_far_more_workers_than_others_sends_idle_ones_away() -> None:
    town = Town("a", "b")
    busy = town.box("busy", "a", slots=1)
    town.ask("a")
    idle = [town.box(f"w{number:02}", "a", slots=1) for number in range(30)]
    town.passes(12)
    assert town.moved and busy not in town.moved and set(town.moved) < set(idle)


def test_a_job_that_nobody_else_can_take_waits_in_a_cell_that_leaves_and_is_not_handed_round() -> None:
    town = Town("a", "b")
    town.box("w", "a", slots=1)
    town.box("v", "b", context=16)
    long = ChatRequest(messages=(Message(role="user", content="word " * 2000),), max_tokens=10)
    jobs = [f"j{number}.0.{town.replicas['a'].me}" for number in range(2)]
    for job in jobs:
        town.call("a", "submit", JobSpec(job, "client", M, long, 1))
    town.call("a", "drain", 60.0)
    town.passes(4)
    assert town.replicas["a"].dispatch.job(jobs[1]) is not None
    assert not town.replicas["a"].jobs.itinerary.counts.handbacks


def test_a_replica_that_leaves_goes_on_with_requests_that_are_being_answered() -> None:
    """Their next jobs are done by others, and the process ends when no request is left, or its time is up."""
    town = Town("a", "b")
    town.box("w", "b")
    replica = town.replicas["a"]
    replica.requests.add("a chat that draws")
    town.call("a", "drain", 60.0)
    town.passes(20)
    assert not any(isinstance(effect, Drained) for effect in town.effects["a"])
    job = town.ask("a", part=True)
    town.steps(11)
    assert whole(town, job)
    replica.requests.clear()
    town.passes(1)
    assert any(isinstance(effect, Drained) for effect in town.effects["a"])
    town.passes(60)
    late = town.ask("a", "late", part=True)
    (end,) = town.ends(late)
    assert isinstance(end, Failed) and end.error.code == "shutting_down"
