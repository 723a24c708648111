"""What one dispatch learns and another is told: driven by hand, two at a time."""

from coordinator.dispatch.effects import Failed, Handback
from coordinator.scheduler.owners import PROVEN
from tests.coordinator.dispatch.driver import Driver, M
from wire import messages as wire
from wire.chat import ChatRequest, Message
from wire.errors import ErrorCode


def tell(teller: Driver, hearer: Driver) -> None:
    hearer.dispatch.learned.heard(teller.dispatch.learned.take(teller.now), hearer.now)


def test_who_failed_at_one_replica_gets_no_job_at_another_before_its_test() -> None:
    here, there = Driver(), Driver()
    here.join("w1")
    here.submit("j1")
    here.accepts("w1", "j1")
    here.fails("w1", "j1")
    tell(here, there)
    there.join("w1", instance="b")
    there.submit("j2")
    assert there.sent(wire.Start) == []
    there.passes(16, alive=("w1",))
    test = there.sent(wire.Start)[0][1]
    assert test.job != "j2"
    there.accepts("w1", test.job)
    there.delta("w1", test.job, tokens="123")
    there.done("w1", test.job, seq=1)
    assert [start.job for _, start in there.sent(wire.Start)] == ["j2"]


def test_a_new_worker_id_at_another_replica_is_no_way_around_the_rest_of_its_owner() -> None:
    here, there = Driver(), Driver()
    here.join("m1", owner="mallory")
    here.submit("j1")
    here.accepts("m1", "j1")
    here.fails("m1", "j1")
    there.join("honest", owner="alice")
    there.join("m2", owner="mallory")
    tell(here, there)
    assert there.dispatch.resting(there.now).keys() == {"mallory/m1", "mallory/m2"}
    there.join("m3", owner="mallory")
    assert "mallory/m3" in there.dispatch.resting(there.now)


def test_who_blames_requests_that_another_cells_workers_serve_rests_in_its_own() -> None:
    here, there = Driver(), Driver()
    here.join("liar", owner="mallory")
    there.join("honest", owner="alice")
    here.dispatch.elsewhere = frozenset({M})
    for job in ("j1", "j2", "j3"):
        here.submit(job)
        here.refuses("liar", job, code=ErrorCode.INVALID_REQUEST)
        given = here.one(Handback)
        there.out = there.dispatch.submit(given.spec, there.now, given.so_far)
        there.serves(*there.started())
    tell(there, here)
    assert here.dispatch.resting(here.now).keys() == {"mallory/liar"}
    here.submit("j4")
    assert here.sent(wire.Start) == []


def test_a_request_that_crashed_engines_is_refused_at_another_replica() -> None:
    here, there = Driver(), Driver()
    for worker in ("w1", "w2", "w3"):
        here.join(worker, slots=1, owner=f"of-{worker}")
    here.proves("w1", "w2", "w3")
    here.submit("j1")
    while not here.all(Failed):
        worker, start = here.started()
        here.accepts(worker, "j1", start.attempt)
        here.fails(worker, "j1", start.attempt, code=ErrorCode.ENGINE_CRASHED)
    tell(here, there)
    there.join("w4", owner="of-w4")
    there.submit("j2")
    assert there.one(Failed).error.code is ErrorCode.POISON_REQUEST
    assert not there.sent(wire.Start)


def test_an_account_that_was_served_elsewhere_waits_for_its_turn_here() -> None:
    here, there = Driver(), Driver()
    here.join("w1", slots=1)
    here.submit("a1", account="a")
    here.serves(*here.started())
    tell(here, there)
    there.join("w2", slots=1)
    there.submit("first", account="c")
    there.submit("a2", account="a")
    there.submit("b1", account="b")
    assert there.place("b1") == 1 and there.place("a2") == 2


def test_credit_counts_at_every_replica() -> None:
    here, there = Driver(), Driver()
    here.join("w1", owner="alice", slots=8)
    for number in range(PROVEN):
        here.submit(f"j{number}")
        here.serves(*here.started())
    tell(here, there)
    there.join("w2", owner="alice", slots=8)
    assert there.dispatch.workers[0].owner.proven


def test_prompts_that_were_read_are_told_once() -> None:
    driver = Driver()
    driver.join("w1")
    driver.submit("j1", request=ChatRequest(messages=(Message(role="user", content="hello"),), max_tokens=9))
    driver.serves(*driver.started())
    reads = driver.dispatch.learned.take(driver.now).reads
    assert [len(prompt.steps) for prompt in reads] == [1]
    assert driver.dispatch.learned.take(driver.now).reads == ()


def test_a_dispatch_that_joins_is_told_all_that_holds() -> None:
    here, joiner = Driver(), Driver()
    here.join("w1")
    here.submit("j1", account="a")
    here.accepts("w1", "j1")
    here.fails("w1", "j1")
    here.dispatch.learned.take(here.now)
    joiner.dispatch.learned.heard(here.dispatch.learned.standing(here.now), joiner.now)
    assert joiner.dispatch.resting(joiner.now) == here.dispatch.resting(here.now)
    assert {charge.account for charge in joiner.dispatch.learned.standing(0).charges} == {"a"}
