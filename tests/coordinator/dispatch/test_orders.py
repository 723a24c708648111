"""The operator has a worker rest, or sends it away: jobs that run end well, and it comes back when the time is over."""

import pytest

from coordinator.dispatch.effects import CloseWorker, Finished, Noted
from coordinator.dispatch.orders import LEAVE_S
from coordinator.scheduler.state import WorkerOrder
from tests.coordinator.dispatch.driver import Driver
from wire import messages as wire
from wire.errors import ErrorCode

KEY = "gpus/w1"


def ordered(driver: Driver, kind: str, seconds: float, note: str = "") -> None:
    order = WorkerOrder("rest" if kind == "rest" else "away", driver.now, driver.now + seconds, note)
    driver.dispatch.orders.given({KEY: order}, driver.now)


def test_who_is_to_rest_finishes_its_job_gets_no_other_and_serves_again_without_a_test() -> None:
    driver = Driver()
    driver.join()
    driver.submit("j1")
    _, start = driver.started()
    ordered(driver, "rest", 60)
    driver.serves("w1", start)
    assert driver.one(Finished).job == "j1", "a success does not end the operator's rest"
    assert driver.dispatch.resting(driver.now)[KEY] == 60
    driver.submit("j2")
    assert driver.place("j2") == 1 and not driver.sent(wire.Start)
    driver.passes(20, alive=("w1",))
    assert not driver.sent(wire.Start)
    driver.dispatch.orders.given({}, driver.now)
    driver.passes(0.25, alive=("w1",))
    assert driver.started()[0] == "w1"


def test_a_rest_is_over_with_its_time_even_if_nobody_says_so() -> None:
    driver = Driver()
    driver.join()
    ordered(driver, "rest", 5)
    driver.submit("j1")
    assert not driver.sent(wire.Start)
    driver.passes(5.5, alive=("w1",))
    assert not driver.dispatch.resting(driver.now)
    assert driver.place("j1") is None


def test_the_same_order_told_again_changes_nothing() -> None:
    driver = Driver()
    driver.join()
    ordered(driver, "rest", 60)
    driver.passes(0.25, alive=("w1",))
    driver.now += 0.1
    driver.dispatch.orders.given({KEY: WorkerOrder("rest", driver.now, driver.now + 59.6)}, driver.now)
    driver.out = driver.dispatch.tick(driver.now)
    assert not driver.all(Noted)


def test_who_is_sent_away_is_closed_once_its_job_has_ended_and_turned_away_until_the_time_is_over() -> None:
    driver = Driver()
    driver.join()
    driver.submit("j1")
    _, start = driver.started()
    ordered(driver, "away", 600, "too hot")
    driver.passes(1, alive=("w1",))
    assert not driver.all(CloseWorker), "its job runs"
    driver.serves("w1", start)
    assert driver.one(Finished).job == "j1"
    driver.out = driver.dispatch.tick(driver.now)
    assert "sent this worker away" in driver.one(CloseWorker).reason and "too hot" in driver.one(CloseWorker).reason
    assert driver.dispatch.worker(KEY) is None
    driver.dial()
    (_, error), *_ = driver.sent(wire.Error)
    assert error.code is ErrorCode.PERMISSION_DENIED and driver.dispatch.worker(KEY) is None
    driver.dial("w2")
    assert driver.sent(wire.Welcome), "only that worker"
    driver.now += 600
    driver.out = driver.dispatch.tick(driver.now)
    driver.dial()
    assert driver.sent(wire.Welcome)


def test_a_job_that_does_not_end_in_time_goes_on_elsewhere() -> None:
    driver = Driver()
    driver.join()
    driver.submit("j1")
    _, start = driver.started()
    driver.accepts("w1", "j1", start.attempt)
    driver.delta("w1", "j1", start.attempt, 0, "hi")
    ordered(driver, "away", 10_000)
    driver.join("w2", owner="others")
    driver.dispatch.orders.given({KEY: WorkerOrder("away", driver.now - LEAVE_S, driver.now + 10_000)}, driver.now)
    driver.out = driver.dispatch.tick(driver.now)
    assert driver.one(CloseWorker)
    started = driver.started()
    assert started[0] == "w2"


@pytest.mark.parametrize("then", ["ended", "over", "rest"])
def test_who_has_not_gone_when_the_order_ends_stays_and_serves(then: str) -> None:
    driver = Driver()
    driver.join()
    driver.submit("j1")
    _, start = driver.started()
    ordered(driver, "away", 2 if then == "over" else 600)
    driver.passes(1, alive=("w1",))
    if then == "rest":
        ordered(driver, "rest", 1)
    if then == "ended":
        driver.dispatch.orders.given({}, driver.now)
    driver.passes(2, alive=("w1",))
    driver.serves("w1", start)
    driver.submit("j2")
    assert driver.started()[0] == "w1"


def test_who_drains_of_its_own_will_drains_on_when_the_order_ends() -> None:
    driver = Driver()
    driver.join()
    driver.submit("j1")
    ordered(driver, "away", 600)
    driver.passes(1, alive=("w1",))
    driver.says("w1", wire.Draining(deadline_s=60))
    driver.dispatch.orders.given({}, driver.now)
    driver.passes(1, alive=("w1",))
    driver.submit("j2")
    assert not driver.sent(wire.Start)


@pytest.mark.parametrize("away", [True, False])
def test_who_dropped_with_a_job_may_come_back_for_it(away: bool) -> None:
    driver = Driver()
    driver.join()
    driver.submit("j1")
    _, start = driver.started()
    driver.accepts("w1", "j1", start.attempt)
    if away:
        ordered(driver, "away", 600)
    driver.drops("w1")
    driver.redials("w1", (("j1", start.attempt, 0),))
    (_, welcome), *_ = driver.sent(wire.Welcome)
    assert [kept.job for kept in welcome.kept] == ["j1"]
