"""Clients and their jobs: dispatch as a transcript."""

from coordinator.dispatch.effects import Failed, Queued
from coordinator.scheduler.state import Limits
from tests.coordinator.dispatch.driver import Driver, M
from wire.errors import ErrorCode


def test_without_a_worker_the_client_hears_so_at_once_and_when_to_come_back() -> None:
    driver = Driver()
    driver.submit()
    failed = driver.one(Failed)
    assert failed.error.code is ErrorCode.NO_WORKER
    assert failed.error.retry_after_s


def test_a_job_waits_for_a_worker_that_was_there_a_moment_ago() -> None:
    driver = Driver()
    driver.join()
    driver.drops(resumable=False)
    driver.passes(10)
    driver.submit()
    assert driver.one(Queued).place == 1
    driver.passes(10)
    driver.submit("j2")
    assert driver.one(Failed).error.code is ErrorCode.NO_WORKER


def test_a_full_queue_refuses_with_a_time_to_wait_and_counts_each_account_apart() -> None:
    driver = Driver(Limits(queue=3, queue_per_account=2))
    driver.join(slots=1)
    for job in ("running", "a", "b"):
        driver.submit(job, account="greedy")
    driver.submit("c", account="greedy")
    error = driver.one(Failed).error
    assert error.code is ErrorCode.QUEUE_FULL
    assert error.retry_after_s and error.retry_after_s >= 1
    driver.submit("d", account="modest")
    assert driver.one(Queued).place == 1, "it was served nothing yet"
    driver.submit("e", account="third")
    assert driver.one(Failed).error.code is ErrorCode.QUEUE_FULL


def test_the_time_to_wait_follows_the_measured_service_time() -> None:
    driver = Driver(Limits(queue=1))
    driver.join(slots=1)
    driver.submit("j1")
    driver.accepts()
    driver.delta(tokens="x")
    driver.passes(4, alive=("w1",))
    driver.done(seq=1)
    driver.submit("j2")
    driver.submit("j3")
    driver.submit("j4")
    assert driver.one(Failed).error.retry_after_s == 8.0


def test_the_context_that_is_told_is_the_longest_that_can_be_had_now() -> None:
    """A worker that is paused, or still loads, has a context that nobody can use."""
    driver = Driver()
    driver.join("small", context=32768)
    driver.join("large", context=262144)
    assert driver.dispatch.online(M).context == 262144
    driver.capacity("large", slots=0)
    assert driver.dispatch.online(M).context == 32768
    driver.capacity("large", slots=2)
    assert driver.dispatch.online(M).context == 262144
    driver.capacity("large", slots=2, status="loading")
    assert driver.dispatch.online(M).context == 32768
    driver.drops("small")
    assert driver.dispatch.online(M).context == 0
