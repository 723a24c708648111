"""Workers that come to a cell."""

from coordinator.cluster.arrivals import MOST_STRANGERS
from coordinator.cluster.protocol.effects import Ask, Publish
from coordinator.cluster.protocol.messages import Attach
from coordinator.dispatch.effects import CloseWorker, Stopped
from coordinator.scheduler.state import Peer
from tests.coordinator.cluster.town import Town, whole
from tests.coordinator.dispatch.driver import M
from wire.errors import CLOSE_DUPLICATE
from wire.messages import MAX_RESUMED, Hello, Resume, RunningJob


def test_another_machine_with_the_name_of_a_worker_is_turned_away_at_any_replica() -> None:
    town = Town("a", "b")
    first = town.box("w", "a")
    second = town.box("w", "b", instance="2")
    assert first.session and not second.session
    assert second.errors[0].code == "duplicate_worker"
    first.hangs_up()
    third = town.box("w", "b", instance="2")
    assert third.session and not third.errors


def test_a_worker_waits_for_the_edges_of_its_jobs_and_no_longer_than_a_second() -> None:
    town = Town("a", "b", "c")
    box = town.box("w", "b")
    job = town.ask("a", tokens=20)
    town.steps(3)
    town.takes("a", job)
    box.hangs_up()
    town.slow = {"a"}
    box.before, session = box.before, box.before
    box.dial("c")
    assert box.before == session
    town.passes(1.25)
    assert box.before != session and (job, 1) not in box.jobs
    town.slow.clear()
    town.settle()
    town.passes(4)
    town.steps(21)
    town.passes(1)
    town.steps(21)
    assert whole(town, job, 20)


def test_a_worker_that_leaves_while_it_waits_leaves_its_jobs_in_the_queue() -> None:
    town = Town("a", "b", "c")
    box = town.box("w", "b")
    job = town.ask("a", tokens=20)
    town.steps(3)
    town.takes("a", job)
    box.hangs_up()
    town.slow = {"a"}
    box.dial("c")
    box.hangs_up()
    town.slow.clear()
    town.settle()
    town.box("v", "c")
    town.passes(8)
    town.steps(21)
    assert whole(town, job, 20)


def test_a_worker_that_started_anew_joins_anywhere_though_its_goodbye_was_lost() -> None:
    town = Town("a", "b")
    first = town.box("w", "a")
    town.cut = {"a"}
    first.hangs_up()
    town.cut.clear()
    assert town.replicas["b"].presence.of_another("owner-w/w", "2") is not None
    second = town.box("w", "b", instance="2")
    assert second.session and not second.errors and second.before


def test_a_worker_that_started_anew_joins_though_its_cell_says_nothing() -> None:
    town = Town("a", "b")
    town.box("w", "a")
    town.kill("a")
    second = town.box("w", "b", instance="2")
    assert second.session and not second.errors and second.before


def test_a_worker_that_is_in_another_cell_has_left_the_one_before() -> None:
    town = Town("a", "b")
    box = town.box("w", "a")
    old = box.session
    box.dial("b")
    assert CloseWorker(old, CLOSE_DUPLICATE, "this worker has connected elsewhere") in town.effects["a"]
    assert not town.replicas["a"].workers and len(town.replicas["b"].workers) == 1
    town.passes(2)
    assert box.session and town.replicas["a"].online(M).workers == 1


def test_of_two_machines_with_one_name_the_first_stays_when_both_are_heard_of() -> None:
    town = Town("a", "b")
    first = town.box("w", "a")
    town.cut = {"b"}
    town.passes(4)
    second = town.box("w", "b", instance="2")
    assert second.before
    town.cut.clear()
    town.passes(2)
    assert first.session and not second.session


def test_a_worker_with_two_sockets_here_that_goes_elsewhere_is_gone_once() -> None:
    town = Town("a", "b")
    box = town.box("w", "a")
    first = box.session
    box.dial("a")
    second = box.session
    box.dial("b")
    for session in (first, second):
        town.call("a", "worker_left", session, True)
    town.passes(1)
    assert town.replicas["a"].online(M).workers == 1 and len(town.replicas["b"].workers) == 1


def test_what_a_dead_cell_has_said_and_comes_late_takes_no_worker_from_a_socket_that_lives() -> None:
    town = Town("a", "b")
    box = town.box("w", "b")
    late = [effect.data for effect in town.effects["b"] if isinstance(effect, Publish)]
    town.kill("b")
    box.dial("a")
    for data in late:
        town.perform("a", town.replicas["a"].heard(data, town.now))
    town.settle()
    town.passes(2)
    assert box.session and len(town.replicas["a"].workers) == 1


def test_a_worker_that_has_dropped_here_and_is_elsewhere_is_waited_for_no_longer() -> None:
    town = Town("a", "b")
    box = town.box("w", "a")
    box.hangs_up()
    assert town.replicas["a"].dispatch.worker("owner-w/w") is not None
    box.dial("b")
    assert town.replicas["a"].dispatch.worker("owner-w/w") is None


def test_a_worker_that_has_started_anew_elsewhere_is_waited_for_no_longer() -> None:
    town = Town("a", "b")
    box = town.box("w", "a")
    job = town.ask("a")
    town.steps(3)
    box.hangs_up()
    town.box("w", "b", instance="2")
    assert town.replicas["a"].dispatch.worker("owner-w/w") is None
    town.passes(1)
    town.steps(11)
    assert whole(town, job)


def test_a_worker_that_names_a_thousand_edges_has_few_questions_asked() -> None:
    """Each question takes a place among those that may be on their way, and other workers' then have no answer."""
    town = Town("a", "b")
    known = RunningJob(job=f"x.0.{town.replicas['b'].me}", attempt=1, next_seq=0)
    made_up = (RunningJob(job=f"x.0.{edge:08x}", attempt=1, next_seq=0) for edge in range(256, 255 + MAX_RESUMED))
    hello = Hello(worker="w", instance="1", models=(), resume=Resume(session="s0", jobs=(*made_up, known)))
    effects = town.call("a", "worker_joined", hello, Peer("s1", "liar", "key"))
    asked = [one.to for one in effects if isinstance(one, Ask)]
    assert len(asked) == MOST_STRANGERS + 1 and town.replicas["b"].me in asked


def test_a_client_that_leaves_while_its_worker_waits_to_be_let_in_has_left() -> None:
    town = Town("a", "b", "c")
    box = town.box("w", "c")
    job, other = town.ask("a", "j", tokens=20), town.ask("b", "k", tokens=20)
    town.steps(3)
    box.hangs_up()
    town.slow = {"b"}
    box.dial("a")
    town.call("a", "cancel", job)
    town.slow.clear()
    town.settle()
    town.passes(0.5)
    assert [key[0] for key in box.jobs] == [other]
    assert [type(end) for end in town.ends(job)] == [Stopped]


def test_a_client_of_another_replica_that_leaves_meanwhile_has_left() -> None:
    town = Town("a", "b", "c", "d")
    box = town.box("w", "c")
    job, other = town.ask("a", "j", tokens=20), town.ask("b", "k", tokens=20)
    town.steps(3)
    box.hangs_up()
    town.slow = {"b"}
    box.dial("d")
    town.call("a", "cancel", job)
    town.slow.clear()
    town.settle()
    town.passes(1)
    town.steps(1)
    town.passes(0.5)
    assert [key[0] for key in box.jobs] == [other]
    assert [type(end) for end in town.ends(job)] == [Stopped]


def test_a_job_whose_edge_is_dead_goes_with_its_worker_though_its_name_is_that_ones() -> None:
    town = Town("a", "b", "c", "d")
    box = town.box("w", "b")
    job = town.ask("a", tokens=20, stays=True)
    town.steps(3)
    town.takes("a", job)
    town.kill("a")
    town.passes(4)
    town.told[job].clear()
    answer = town.replicas["b"].jobs.lodging.attach(Attach(job, "client"), town.replicas["c"].me, town.now)
    town.call("c", "attached", answer, town.replicas["b"].me)
    town.steps(3)
    assert town.tokens(job) == list(range(6))
    town.takes("c", job)
    box.hangs_up()
    box.dial("d")
    assert (job, 1) in box.jobs
    town.steps(21)
    assert whole(town, job, 20)


def test_a_worker_that_brings_jobs_of_dead_edges_asks_each_replica_once() -> None:
    town = Town("a", "b", "c", "d")
    for name in "ab":
        town.kill(name)
    town.passes(4)
    jobs = tuple(RunningJob(job=f"j{n}.0.0000000{'ab'[n % 2]}", attempt=1, next_seq=0) for n in range(20))
    town.effects.clear()
    hello = Hello(worker="w", instance="1", models=(), resume=Resume(session="s", jobs=jobs))
    town.call("c", "worker_joined", hello, Peer("x", "owner", "key"))
    assert sum(isinstance(effect, Ask) for effect in town.effects["c"]) == 1
