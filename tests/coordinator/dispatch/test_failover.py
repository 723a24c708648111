"""Failover: whatever happens to the worker, the client gets every token once and in order, or a typed error."""

import pytest

from coordinator.dispatch.effects import Failed, Finished, Stopped
from coordinator.scheduler.state import Limits
from tests.coordinator.dispatch.driver import REQUEST, Driver, M
from wire import messages as wire
from wire.errors import ErrorCode


def streaming(driver: Driver, worker: str = "w1", tokens: str = "abc") -> None:
    """`worker` alone is there and has delivered some tokens of j1."""
    driver.join(worker)
    driver.submit()
    driver.accepts(worker)
    driver.delta(worker, tokens=tokens)


def test_a_failed_attempt_continues_elsewhere_from_exactly_what_was_delivered() -> None:
    driver = Driver()
    streaming(driver)
    driver.join("w2")
    driver.fails(seq=1)
    worker, start = driver.started()
    assert (worker, start.attempt) == ("w2", 2)
    assert "".join(map(chr, start.delivered)) == "abc"
    driver.accepts("w2", attempt=2)
    driver.delta("w2", attempt=2, seq=0, tokens="de")
    assert driver.text() == "de"
    driver.done("w2", attempt=2, seq=1)
    report = driver.one(Finished).report
    assert (report.usage.completion, report.attempts, report.worker) == (5, 2, "gpus/w2")
    assert report.served == (("gpus/w1", 3), ("gpus/w2", 2))


def test_a_job_that_lost_its_worker_goes_before_those_that_never_ran() -> None:
    driver = Driver()
    driver.join("w1", slots=1)
    driver.submit("j1")
    driver.accepts()
    driver.submit("j2")
    driver.fails(seq=0)
    assert driver.place("j1") == 1
    driver.join("w2", slots=1)
    assert driver.started() == ("w2", driver.started()[1])
    assert driver.started()[1].job == "j1"


def test_frames_of_an_old_attempt_are_dropped() -> None:
    driver = Driver()
    streaming(driver)
    driver.join("w2")
    driver.passes(11, alive=("w1", "w2"))
    assert driver.started()[0] == "w2"
    driver.accepts("w2", attempt=2)
    driver.delta("w1", attempt=1, seq=1, tokens="zombie")
    assert driver.text() == ""
    driver.done("w1", attempt=1, seq=2)
    assert not driver.all(Finished)
    driver.delta("w1", attempt=1, seq=3, tokens="zombie")
    assert driver.dispatch.counters.late_frames == 2
    driver.delta("w2", attempt=2, seq=0, tokens="d")
    assert driver.text() == "d"


def test_after_three_failed_attempts_the_job_fails_without_the_workers_own_words() -> None:
    driver = Driver()
    driver.join("w1")
    driver.join("w2")
    driver.join("w3")
    driver.submit()
    for attempt in (1, 2, 3):
        worker = driver.started()[0]
        driver.accepts(worker, attempt=attempt)
        driver.fails(worker, attempt=attempt)
    error = driver.one(Failed).error
    assert error.code is ErrorCode.ENGINE_ERROR
    assert "broke" not in error.message
    assert error.retry_after_s


def test_a_request_that_crashes_two_engines_is_not_tried_a_third_time() -> None:
    driver = Driver()
    for worker in ("w1", "w2", "w3"):
        driver.join(worker)
    driver.proves("w1", "w2", "w3")
    driver.submit()
    for attempt in (1, 2):
        worker = driver.started()[0]
        driver.accepts(worker, attempt=attempt)
        driver.fails(worker, attempt=attempt, code=ErrorCode.ENGINE_CRASHED)
    assert driver.one(Failed).error.code is ErrorCode.POISON_REQUEST
    driver.submit("j2", account="another")
    assert driver.started()[0] in ("w1", "w2", "w3")  # no worker rests for it


@pytest.mark.parametrize("code", [ErrorCode.ENGINE_CRASHED, ErrorCode.INTERNAL_ERROR])
def test_what_dies_of_its_first_job_is_no_witness_against_it_but_rests(code: ErrorCode) -> None:
    """Two machines whose build of llama.cpp dies in the first batch, and one that computes."""
    driver = Driver(Limits(rest_s=10))
    driver.join("w1")
    driver.join("w2")
    driver.submit()
    dead = []
    for attempt in (1, 2):
        dead.append(driver.started()[0])
        driver.accepts(dead[-1], attempt=attempt)
        if attempt == 2:
            driver.join("w3")
        driver.fails(dead[-1], attempt=attempt, code=code)
    assert sorted(dead) == ["w1", "w2"]
    worker, start = driver.started()
    assert worker == "w3" and start.attempt == 3, "it is served where it can be"
    driver.accepts("w3", attempt=3)
    driver.delta("w3", attempt=3, tokens="1")
    driver.done("w3", attempt=3, seq=1)
    assert driver.one(Finished)
    assert (driver.dispatch.counters.poisoned, driver.dispatch.counters.rests) == (0, 2)
    for job in ("j2", "j3", "j4"):
        driver.submit(job)
        assert [worker for worker, _ in driver.sent(wire.Start)] in (["w3"], []), "nothing is blocked, and they rest"


def test_a_job_that_met_only_machines_that_die_fails_as_their_fault_and_may_come_again() -> None:
    driver = Driver(Limits(rest_s=10))
    for worker in ("w1", "w2", "w3", "w4"):
        driver.join(worker)
    driver.submit()
    for attempt in (1, 2, 3):
        worker = driver.started()[0]
        driver.accepts(worker, attempt=attempt)
        driver.fails(worker, attempt=attempt, code=ErrorCode.ENGINE_CRASHED)
    error = driver.one(Failed).error
    assert error.code is ErrorCode.ENGINE_CRASHED and error.retry_after_s and "broke" not in error.message
    driver.submit("j2")
    assert driver.started()[1].attempt == 1


def test_an_engine_that_takes_all_its_jobs_along_is_one_fault() -> None:
    driver = Driver(Limits(rest_s=10))
    driver.join("w1", slots=4)
    for job in ("j1", "j2", "j3", "j4"):
        driver.submit(job)
        driver.accepts(job=job)
    for job in ("j1", "j2", "j3", "j4"):
        driver.fails(job=job, code=ErrorCode.ENGINE_CRASHED)
    driver.passes(10.5, alive=("w1",))
    assert len(driver.sent(wire.Start)) == 1, "the test, after one rest of ten seconds"


def test_a_passed_test_makes_a_witness() -> None:
    driver = Driver(Limits(rest_s=10, crashes=1))
    driver.join()
    driver.submit()
    driver.accepts()
    driver.fails(code=ErrorCode.ENGINE_CRASHED)
    driver.passes(10.25, alive=("w1",))
    driver.passes_test()
    attempt = driver.started()[1].attempt
    driver.accepts(attempt=attempt)
    driver.fails(attempt=attempt, code=ErrorCode.ENGINE_CRASHED)
    assert driver.one(Failed).error.code is ErrorCode.POISON_REQUEST


def test_a_witness_stays_one_over_a_dropped_socket() -> None:
    driver = Driver(Limits(crashes=1))
    driver.join()
    driver.proves("w1")
    driver.drops()
    driver.redials()
    driver.capacity()
    driver.submit()
    driver.accepts()
    driver.fails(code=ErrorCode.ENGINE_CRASHED)
    assert driver.one(Failed).error.code is ErrorCode.POISON_REQUEST


def test_starts_that_are_nobodys_fault_are_bounded_too() -> None:
    driver = Driver(Limits(starts=3))
    driver.join("w1")
    driver.submit()
    for attempt in (1, 2, 3):
        assert driver.started()[1].attempt == attempt
        driver.drops()
        driver.redials(jobs=())  # cut off while it was being prepared, each time
        driver.capacity() if attempt < 3 else None
    assert driver.one(Failed).error.code is ErrorCode.WORKER_LOST


def test_a_poisonous_request_is_blocked_for_its_account_and_for_nobody_else() -> None:
    driver = Driver()
    driver.join("w1", slots=8)
    driver.join("w2", slots=8)
    driver.proves("w1", "w2")
    driver.submit()
    for attempt in (1, 2):
        worker = driver.started()[0]
        driver.accepts(worker, attempt=attempt)
        driver.fails(worker, attempt=attempt, code=ErrorCode.ENGINE_CRASHED)
    driver.submit("j2")
    failed = driver.one(Failed)
    assert (failed.error.code, failed.report.attempts) == (ErrorCode.POISON_REQUEST, 0)
    assert "600 s" in failed.error.message
    assert driver.dispatch.counters.poison_blocked == 1
    driver.submit("j3", request=REQUEST.model_copy(update={"max_tokens": 5}))
    driver.started()
    driver.submit("j4", account="another")
    driver.started()
    driver.now += 600
    driver.submit("j5")
    driver.started()


@pytest.mark.parametrize("code", [ErrorCode.INVALID_REQUEST, ErrorCode.CONTEXT_LENGTH_EXCEEDED])
def test_a_clients_own_error_never_counts_against_the_worker(code: ErrorCode) -> None:
    driver = Driver()
    streaming(driver)
    driver.fails(seq=1, code=code)
    driver.submit("j2")
    assert driver.started()[0] == "w1"
    driver.refuses(job="j2", code=code)
    driver.submit("j3")
    assert driver.started()[0] == "w1"
    driver.cancel("j3")
    driver.cancelled(job="j3")
    assert driver.dispatch.counters.rests == 0
    driver.submit("j4")
    assert driver.started()[0] == "w1"


def test_a_lone_worker_gets_its_job_back_after_its_rest_and_a_test() -> None:
    driver = Driver()
    streaming(driver)
    driver.fails(seq=1)
    assert not driver.sent(wire.Start)
    driver.passes(14, alive=("w1",))
    assert not driver.sent(wire.Start)
    driver.passes(2, alive=("w1",))
    assert driver.started()[1].job != "j1"
    driver.passes_test()
    assert driver.started()[1].job == "j1"
    assert driver.started()[1].attempt == 2


def test_a_moved_job_that_nobody_takes_fails_with_why_it_was_moved() -> None:
    driver = Driver()
    streaming(driver)
    driver.drops(resumable=False)
    driver.passes(31)
    failed = driver.one(Failed)
    assert failed.error.code is ErrorCode.WORKER_LOST
    assert failed.report.usage.completion == 3


def test_a_rest_doubles_with_each_fault_and_ends_with_a_success() -> None:
    driver = Driver(Limits(attempts=9, queue_wait_s=1000))
    driver.join("w1")
    driver.submit()
    for attempt, rest_s in ((1, 15), (2, 30), (3, 60)):
        driver.accepts(attempt=attempt)
        driver.fails(attempt=attempt)
        driver.passes(rest_s - 0.5, alive=("w1",))
        assert not driver.sent(wire.Start)
        driver.passes(1, alive=("w1",))
        driver.passes_test()
        assert driver.started()[1].attempt == attempt + 1
    driver.accepts(attempt=4)
    driver.delta(attempt=4, tokens="1")
    driver.done(attempt=4, seq=1)
    driver.submit("j2")
    driver.accepts(job="j2")
    driver.fails(job="j2")
    driver.passes(16, alive=("w1",))
    driver.passes_test()
    assert driver.started()[1].job == "j2"


def test_a_worker_that_leaves_with_a_rest_comes_back_with_it() -> None:
    driver = Driver()
    streaming(driver)
    driver.fails(seq=1)
    driver.drops(resumable=False)
    driver.join("w1")
    assert not driver.sent(wire.Start)


def test_a_cancelled_job_is_not_moved() -> None:
    driver = Driver()
    streaming(driver)
    driver.join("w2")
    driver.cancel()
    driver.fails(seq=1)
    assert driver.one(Stopped)
    assert not driver.sent(wire.Start)
    assert driver.dispatch.online(M).free == 4
