"""The end of the process, as clients and workers see it."""

import pytest

from coordinator.dispatch.effects import Drained, Failed
from coordinator.scheduler.state import JobSpec, Limits
from tests.coordinator.dispatch.driver import REQUEST, Driver, M
from wire import messages as wire
from wire.errors import ErrorCode


def test_a_drain_refuses_new_jobs_finishes_the_old_and_then_sends_the_workers_away() -> None:
    driver = Driver()
    driver.join("w1", slots=1)
    driver.submit("j1")
    driver.accepts()
    driver.submit("j2")
    driver.out = driver.dispatch.drain(300, driver.now)
    assert not driver.all(Drained)
    driver.submit("j3")
    assert driver.one(Failed).error.code is ErrorCode.SHUTTING_DOWN
    driver.done()
    assert driver.started()[1].job == "j2"
    driver.accepts(job="j2")
    driver.done(job="j2")
    driver.passes(0.25)
    assert driver.one(Drained)
    assert driver.sent(wire.Move)[0][0] == "w1"
    driver.passes(1)
    assert not driver.all(Drained)


@pytest.mark.parametrize(("workers", "last_s"), [(1, 1.0), (4, 1.06), (250, 5.98), (1000, 10.99)])
def test_workers_are_sent_away_one_after_another_but_never_for_long(workers: int, last_s: float) -> None:
    driver = Driver(Limits(workers_per_account=1000))
    for n in range(workers):
        driver.dial(f"w{n}")
    driver.out = driver.dispatch.drain(300, driver.now)
    pauses = [move.after_s for _, move in driver.sent(wire.Move)]
    assert len(pauses) == workers
    assert pauses == sorted(pauses)
    assert pauses[0] == 1.0
    assert pauses[-1] == pytest.approx(last_s)


def test_a_drain_ends_at_its_deadline_with_a_word_to_the_clients() -> None:
    driver = Driver()
    driver.join()
    driver.submit()
    driver.accepts()
    driver.out = driver.dispatch.drain(5, driver.now)
    driver.passes(6, alive=("w1",))
    assert driver.one(Failed).error.code is ErrorCode.SHUTTING_DOWN
    assert driver.sent(wire.Cancel)
    assert driver.one(Drained)


def test_a_request_that_is_being_answered_goes_on_in_a_drain_although_none_of_its_jobs_runs() -> None:
    """Between two rounds of a chat whose tools are run here there is none; a drain ended there, with the answer."""
    driver = Driver()
    driver.join()
    driver.dispatch.requests.add("a chat that draws")
    driver.out = driver.dispatch.drain(300, driver.now)
    driver.passes(1)
    assert not driver.all(Drained)
    driver.out = driver.dispatch.submit(JobSpec("j1", "client", M, REQUEST, 1), driver.now, part=True)
    assert driver.started()[1].job == "j1"
    driver.accepts()
    driver.done()
    driver.submit("j2")
    assert driver.one(Failed).error.code is ErrorCode.SHUTTING_DOWN
    driver.dispatch.requests.clear()
    driver.passes(0.25)
    assert driver.one(Drained)


def test_a_request_that_is_not_answered_in_time_gets_no_more_jobs() -> None:
    driver = Driver()
    driver.join()
    driver.dispatch.requests.add("a chat that draws")
    driver.out = driver.dispatch.drain(5, driver.now)
    driver.passes(6, alive=("w1",))
    assert driver.one(Drained)
    driver.out = driver.dispatch.submit(JobSpec("j1", "client", M, REQUEST, 1), driver.now, part=True)
    assert driver.one(Failed).error.code is ErrorCode.SHUTTING_DOWN
