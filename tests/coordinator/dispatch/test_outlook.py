"""Questions that have no answer; test_dispatch.py asks the others."""

from tests.coordinator.dispatch.driver import Driver, M


def test_nothing_is_said_of_a_job_that_is_not_here() -> None:
    dispatch = Driver().dispatch
    assert dispatch.job("j1") is None
    assert dispatch.queue_position("j1") is None
    assert dispatch.progress("j1") is None
    assert dispatch.reclaimable("j1", 1, "o/w", "a", 0) is None


def test_a_job_is_looked_at_until_it_ends() -> None:
    driver = Driver()
    driver.join()
    driver.submit()
    assert driver.dispatch.job("j1") is not None and driver.dispatch.running() == 1
    driver.accepts()
    driver.delta(tokens="abc")
    driver.done(seq=1)
    assert driver.dispatch.job("j1") is None and driver.dispatch.running() == 0


def test_jobs_that_wait_are_told_in_their_order_and_not_one_that_waits_for_its_worker() -> None:
    driver = Driver()
    driver.join("w1", slots=1)
    driver.submit("held")
    driver.accepts("w1", "held")
    driver.submit("first", account="a")
    driver.submit("second", account="a")
    assert [job.spec.id for job in driver.dispatch.waiting(M)] == ["first", "second"]
    driver.drops("w1")
    assert [job.spec.id for job in driver.dispatch.waiting(M)] == ["first", "second"]
    assert driver.dispatch.stocks(driver.now) == (driver.dispatch.stock(M, driver.now),)
