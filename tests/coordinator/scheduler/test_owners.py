"""Newcomers get little at first; what an owner's workers have shown belongs to all of them."""

from coordinator.dispatch.effects import Queued
from coordinator.scheduler.owners import MOST, PROVEN, Owner, Owners
from coordinator.scheduler.state import Limits
from tests.coordinator.dispatch.driver import Driver, speed
from wire import messages as wire
from wire.errors import ErrorCode


def proven(slots: int = 4, limits: Limits | None = None) -> Driver:
    """An owner that has finished as many jobs as make it no newcomer."""
    driver = Driver(limits)
    driver.join("honest", owner="alice", slots=slots, speed=speed(40.0))
    for number in range(PROVEN):
        driver.submit(f"good{number}")
        driver.serves(*driver.started())
    return driver


def starts(driver: Driver, jobs: range) -> list[str]:
    """Who was given each job; nobody: it waits."""
    asked = []
    for number in jobs:
        driver.submit(f"j{number}", account=f"c{number}")
        asked += [worker for worker, _ in driver.sent(wire.Start)]
    return asked


def test_a_newcomer_gets_two_jobs_at_once_and_two_more_for_each_that_it_finished() -> None:
    """Before, 256 slots and 1e9 tokens a second were believed at once: 12 of 12 jobs."""
    driver = proven()
    driver.join("new", owner="mallory", slots=256, speed=speed(1e9, 1e9))
    asked = starts(driver, range(10))
    assert (asked.count("new"), asked.count("honest")) == (2, 4)
    driver.accepts("new", "j0")
    driver.delta("new", "j0", tokens="a")
    driver.done("new", "j0", seq=1)
    assert [worker for worker, _ in driver.sent(wire.Start)] == ["new"] * 3


def test_two_ids_of_one_owner_are_one_newcomer() -> None:
    driver = proven()
    for number in range(5):
        driver.join(f"new{number}", owner="mallory", slots=8, speed=speed(1e9, 1e9))
    asked = starts(driver, range(10))
    assert (sum(worker.startswith("new") for worker in asked), asked.count("honest")) == (2, 4)


def test_where_only_newcomers_are_there_no_slot_stays_idle() -> None:
    driver = Driver()
    driver.join("w1", owner="alice", slots=4)
    assert starts(driver, range(4)) == ["w1"] * 4
    driver.join("w2", owner="bob", slots=4)
    assert starts(driver, range(4, 8)) == ["w2"] * 4


def test_a_proven_owner_that_rests_starves_no_newcomer() -> None:
    driver = proven()
    driver.submit()
    driver.accepts("honest")
    driver.join("new", owner="bob", slots=6)
    driver.fails("honest")
    assert driver.started()[0] == "new"
    assert starts(driver, range(2, 7)) == ["new"] * 5


def test_one_newcomer_is_asked_before_a_greater_one() -> None:
    driver = Driver()
    driver.join("boasts", owner="mallory", slots=256, speed=speed(1e9, 1e9))
    driver.join("honest", owner="alice", slots=2, speed=speed(40.0))
    asked = starts(driver, range(4))
    assert (asked.count("boasts"), asked.count("honest")) == (2, 2)


def test_a_new_id_of_a_resting_owner_rests_too_where_others_serve() -> None:
    """Before, a new worker id had no past."""
    driver = proven(limits=Limits(rest_s=20))
    driver.join("m1", owner="mallory", speed=speed(1e9, 1e9))
    driver.submit()
    driver.accepts("m1")
    driver.fails("m1")
    driver.join("m2", owner="mallory", speed=speed(1e9, 1e9))
    assert driver.dispatch.resting(driver.now).keys() == {"mallory/m1", "mallory/m2"}
    assert starts(driver, range(2, 4)) == ["honest"] * 2
    driver.passes(20.25, alive=("m1", "m2", "honest"))
    assert {worker for worker, _ in driver.sent(wire.Start)} == {"m1", "m2"}, "their tests"


def test_ids_that_were_there_before_rest_with_it() -> None:
    driver = proven()
    for name in ("m1", "m2", "m3"):
        driver.join(name, owner="mallory", speed=speed(1e9, 1e9))
    driver.submit()
    worker = driver.started()[0]
    driver.accepts(worker)
    driver.fails(worker)
    assert driver.started()[0] == "honest"
    assert len(driver.dispatch.resting(driver.now)) == 3


def test_one_broken_machine_of_an_owner_with_credit_rests_alone() -> None:
    driver = proven()
    driver.join("other", owner="bob")
    driver.join("broken", owner="alice", speed=speed(1e9))
    driver.submit()
    assert driver.started()[0] == "broken"
    driver.accepts("broken")
    driver.fails("broken")
    assert driver.dispatch.resting(driver.now).keys() == {"alice/broken"}
    driver.join("third", owner="alice")
    assert driver.dispatch.resting(driver.now).keys() == {"alice/broken"}


def test_beside_nobody_else_a_new_id_may_serve_at_once() -> None:
    driver = Driver()
    driver.join("w1")
    driver.submit()
    driver.accepts()
    driver.fails()
    driver.join("w2")
    assert driver.started()[0] == "w2"


def test_a_failed_test_takes_nothing_from_an_owners_credit() -> None:
    """Else one machine that is down all night would have the others of its owner rest."""
    driver = proven(limits=Limits(rest_s=1))
    driver.join("other", owner="bob", slots=1)
    driver.join("broken", owner="alice", speed=speed(1e9))
    driver.submit()
    driver.accepts("broken")
    driver.fails("broken")
    driver.serves(*driver.started())
    for _ in range(5):
        while not (tests := driver.sent(wire.Start)) or tests[0][0] != "broken":
            driver.passes(0.25, alive=("honest", "other", "broken"))
        driver.refuses("broken", tests[0][1].job, code=ErrorCode.ENGINE_ERROR)
    assert driver.dispatch.counters.tests_failed == 5
    assert driver.dispatch.resting(driver.now).keys() == {"alice/broken"}


def test_jobs_of_its_own_account_prove_nothing() -> None:
    driver = Driver()
    driver.join("liar", owner="mallory", slots=9)
    for number in range(PROVEN):
        driver.submit(f"own{number}", account="mallory")
        driver.serves(*driver.started())
    assert driver.dispatch.workers[0].owner == Owner()


def test_credit_is_bounded_and_halved_by_a_fault() -> None:
    owner = Owner()
    for _ in range(2 * MOST):
        owner.finished()
    assert owner.credit == MOST
    owner.failed()
    assert owner.credit == MOST // 2


def test_leases_of_an_owner_are_counted_until_they_end() -> None:
    driver = Driver()
    driver.join("w1")
    driver.submit("j1")
    driver.submit("j2")
    owner = driver.dispatch.workers[0].owner
    assert owner.running == 2
    driver.refuses("w1", "j1")
    assert owner.running == 1
    driver.drops("w1", resumable=False)
    assert owner.running == 0
    driver.submit("j3")
    assert driver.all(Queued)


def test_a_newcomer_gets_no_more_before_others_have_judged_what_it_found_to_blame() -> None:
    """Its next word waits for the verdict about the first, which takes as long as an answer."""
    driver = Driver()
    driver.join("liar", owner="mallory", slots=256, speed=speed(1e9, 1e9))
    driver.join("honest", owner="alice", slots=16, speed=speed(40.0))
    asked = []
    for number in range(12):
        driver.submit(job := f"j{number}", account=f"c{number}")
        worker, start = driver.started()
        asked.append(worker)
        if worker == "liar":
            driver.refuses("liar", job, start.attempt, code=ErrorCode.INVALID_REQUEST)
            assert driver.started()[0] == "honest"
    assert asked.count("liar") == 1 and driver.dispatch.counters.rests == 0


# ---- several replicas ------------------------------------------------------------------------------------------------


def tell(teller: Owners, hearer: Owners) -> None:
    for deeds in teller.take_deeds():
        hearer.heard(deeds)


def test_credit_that_was_earned_at_one_replica_counts_at_all_and_so_does_a_fault() -> None:
    here, there = Owners(), Owners()
    for _ in range(PROVEN):
        here.finished("alice")
    tell(here, there)
    assert there.of("alice").proven and here.take_deeds() == []
    there.failed("alice")
    tell(there, here)
    assert here.of("alice").credit == there.of("alice").credit == PROVEN // 2
    assert not here.was_wrong("alice") and not there.was_wrong("alice")
    tell(here, there)
    assert there.was_wrong("alice"), "the third word that was not so, wherever they were said"


def test_of_an_owner_that_is_as_good_as_can_be_nothing_is_told() -> None:
    """Else every finished job of the network would be told to every replica."""
    here = Owners()
    for _ in range(MOST):
        here.finished("alice")
    assert [deeds.finished for deeds in here.take_deeds()] == [MOST]
    here.finished("alice")
    assert here.take_deeds() == []


def test_a_replica_that_joins_hears_how_the_owners_stand() -> None:
    here, there = Owners(), Owners()
    for _ in range(5):
        here.finished("alice")
    here.was_wrong("alice")
    for deeds in here.standing():
        there.heard(deeds)
    assert there.of("alice") == here.of("alice")
