"""Questions that have no answer; test_dispatch.py asks the others."""

from tests.coordinator.dispatch.driver import Driver


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
