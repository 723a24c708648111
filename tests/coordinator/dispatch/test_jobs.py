"""Failover: whatever happens to the worker, the client gets every token once and in order, or a typed error."""

import pytest

from coordinator.dispatch.effects import Failed, Finished, Stopped
from coordinator.scheduler.state import Limits
from tests.coordinator.dispatch.driver import REQUEST, Desk, M
from wire import messages as wire
from wire.errors import ErrorCode


def streaming(desk: Desk, worker: str = "w1", tokens: str = "abc") -> None:
    """`worker` alone is there and has delivered some tokens of j1."""
    desk.join(worker)
    desk.submit()
    desk.accepts(worker)
    desk.delta(worker, tokens=tokens)


def test_a_failed_attempt_continues_elsewhere_from_exactly_what_was_delivered() -> None:
    desk = Desk()
    streaming(desk)
    desk.join("w2")
    desk.fails(seq=1)
    worker, start = desk.started()
    assert (worker, start.attempt) == ("w2", 2)
    assert "".join(map(chr, start.delivered)) == "abc"
    desk.accepts("w2", attempt=2)
    desk.delta("w2", attempt=2, seq=0, tokens="de")
    assert desk.text() == "de"
    desk.done("w2", attempt=2, seq=1)
    report = desk.one(Finished).report
    assert (report.usage.completion, report.attempts, report.worker) == (5, 2, "gpus/w2")
    assert report.served == (("gpus/w1", 3), ("gpus/w2", 2))


def test_a_job_that_lost_its_worker_goes_before_those_that_never_ran() -> None:
    desk = Desk()
    desk.join("w1", slots=1)
    desk.submit("j1")
    desk.accepts()
    desk.submit("j2")
    desk.fails(seq=0)
    assert desk.place("j1") == 1
    desk.join("w2", slots=1)
    assert desk.started() == ("w2", desk.started()[1])
    assert desk.started()[1].job == "j1"


def test_frames_of_an_old_attempt_are_dropped() -> None:
    desk = Desk()
    streaming(desk)
    desk.join("w2")
    desk.passes(11, alive=("w1", "w2"))
    assert desk.started()[0] == "w2"
    desk.accepts("w2", attempt=2)
    desk.delta("w1", attempt=1, seq=1, tokens="zombie")
    assert desk.text() == ""
    desk.done("w1", attempt=1, seq=2)
    assert not desk.all(Finished)
    desk.delta("w1", attempt=1, seq=3, tokens="zombie")
    assert desk.dispatch.counters.late_frames == 1
    desk.delta("w2", attempt=2, seq=0, tokens="d")
    assert desk.text() == "d"


def test_after_three_failed_attempts_the_job_fails_without_the_workers_own_words() -> None:
    desk = Desk()
    desk.join("w1")
    desk.join("w2")
    desk.join("w3")
    desk.submit()
    for attempt in (1, 2, 3):
        worker = desk.started()[0]
        desk.accepts(worker, attempt=attempt)
        desk.fails(worker, attempt=attempt)
    error = desk.one(Failed).error
    assert error.code is ErrorCode.ENGINE_ERROR
    assert "broke" not in error.message
    assert error.retry_after_s


def test_a_request_that_crashes_two_engines_is_not_tried_a_third_time() -> None:
    desk = Desk()
    for worker in ("w1", "w2", "w3"):
        desk.join(worker)
    desk.proves("w1", "w2", "w3")
    desk.submit()
    for attempt in (1, 2):
        worker = desk.started()[0]
        desk.accepts(worker, attempt=attempt)
        desk.fails(worker, attempt=attempt, code=ErrorCode.ENGINE_CRASHED)
    assert desk.one(Failed).error.code is ErrorCode.POISON_REQUEST
    desk.submit("j2", account="another")
    assert desk.started()[0] in ("w1", "w2", "w3")  # no worker rests for it


@pytest.mark.parametrize("code", [ErrorCode.ENGINE_CRASHED, ErrorCode.INTERNAL_ERROR])
def test_what_dies_of_its_first_job_is_no_witness_against_it_but_rests(code: ErrorCode) -> None:
    """Two machines whose build of llama.cpp dies in the first batch, and one that computes."""
    desk = Desk(Limits(rest_s=10))
    desk.join("w1")
    desk.join("w2")
    desk.submit()
    dead = []
    for attempt in (1, 2):
        dead.append(desk.started()[0])
        desk.accepts(dead[-1], attempt=attempt)
        if attempt == 2:
            desk.join("w3")
        desk.fails(dead[-1], attempt=attempt, code=code)
    assert sorted(dead) == ["w1", "w2"]
    worker, start = desk.started()
    assert worker == "w3" and start.attempt == 3, "it is served where it can be"
    desk.accepts("w3", attempt=3)
    desk.delta("w3", attempt=3, tokens="1")
    desk.done("w3", attempt=3, seq=1)
    assert desk.one(Finished)
    assert (desk.dispatch.counters.poisoned, desk.dispatch.counters.rests) == (0, 2)
    for job in ("j2", "j3", "j4"):
        desk.submit(job)
        assert [worker for worker, _ in desk.sent(wire.Start)] in (["w3"], []), "nothing is blocked, and they rest"


def test_a_job_that_met_only_machines_that_die_fails_as_their_fault_and_may_come_again() -> None:
    desk = Desk(Limits(rest_s=10))
    for worker in ("w1", "w2", "w3", "w4"):
        desk.join(worker)
    desk.submit()
    for attempt in (1, 2, 3):
        worker = desk.started()[0]
        desk.accepts(worker, attempt=attempt)
        desk.fails(worker, attempt=attempt, code=ErrorCode.ENGINE_CRASHED)
    error = desk.one(Failed).error
    assert error.code is ErrorCode.ENGINE_CRASHED and error.retry_after_s and "broke" not in error.message
    desk.submit("j2")
    assert desk.started()[1].attempt == 1


def test_an_engine_that_takes_all_its_jobs_along_is_one_fault() -> None:
    desk = Desk(Limits(rest_s=10))
    desk.join("w1", slots=4)
    for job in ("j1", "j2", "j3", "j4"):
        desk.submit(job)
        desk.accepts(job=job)
    for job in ("j1", "j2", "j3", "j4"):
        desk.fails(job=job, code=ErrorCode.ENGINE_CRASHED)
    desk.passes(10.5, alive=("w1",))
    assert len(desk.sent(wire.Start)) == 1, "the test, after one rest of ten seconds"


def test_a_passed_test_makes_a_witness() -> None:
    desk = Desk(Limits(rest_s=10, crashes=1))
    desk.join()
    desk.submit()
    desk.accepts()
    desk.fails(code=ErrorCode.ENGINE_CRASHED)
    desk.passes(10.25, alive=("w1",))
    desk.passes_test()
    attempt = desk.started()[1].attempt
    desk.accepts(attempt=attempt)
    desk.fails(attempt=attempt, code=ErrorCode.ENGINE_CRASHED)
    assert desk.one(Failed).error.code is ErrorCode.POISON_REQUEST


def test_a_witness_stays_one_over_a_dropped_socket() -> None:
    desk = Desk(Limits(crashes=1))
    desk.join()
    desk.proves("w1")
    desk.drops()
    desk.redials()
    desk.capacity()
    desk.submit()
    desk.accepts()
    desk.fails(code=ErrorCode.ENGINE_CRASHED)
    assert desk.one(Failed).error.code is ErrorCode.POISON_REQUEST


def test_starts_that_are_nobodys_fault_are_bounded_too() -> None:
    desk = Desk(Limits(starts=3))
    desk.join("w1")
    desk.submit()
    for attempt in (1, 2, 3):
        assert desk.started()[1].attempt == attempt
        desk.drops()
        desk.redials(jobs=())  # cut off while it was being prepared, each time
        desk.capacity() if attempt < 3 else None
    assert desk.one(Failed).error.code is ErrorCode.WORKER_LOST


def test_a_poisonous_request_is_blocked_for_its_account_and_for_nobody_else() -> None:
    desk = Desk()
    desk.join("w1", slots=8)
    desk.join("w2", slots=8)
    desk.proves("w1", "w2")
    desk.submit()
    for attempt in (1, 2):
        worker = desk.started()[0]
        desk.accepts(worker, attempt=attempt)
        desk.fails(worker, attempt=attempt, code=ErrorCode.ENGINE_CRASHED)
    desk.submit("j2")
    failed = desk.one(Failed)
    assert (failed.error.code, failed.report.attempts) == (ErrorCode.POISON_REQUEST, 0)
    assert "600 s" in failed.error.message
    assert desk.dispatch.counters.poison_blocked == 1
    desk.submit("j3", request=REQUEST.model_copy(update={"max_tokens": 5}))
    desk.started()
    desk.submit("j4", account="another")
    desk.started()
    desk.now += 600
    desk.submit("j5")
    desk.started()


@pytest.mark.parametrize("code", [ErrorCode.INVALID_REQUEST, ErrorCode.CONTEXT_LENGTH_EXCEEDED])
def test_a_clients_own_error_never_counts_against_the_worker(code: ErrorCode) -> None:
    desk = Desk()
    streaming(desk)
    desk.fails(seq=1, code=code)
    desk.submit("j2")
    assert desk.started()[0] == "w1"
    desk.refuses(job="j2", code=code)
    desk.submit("j3")
    assert desk.started()[0] == "w1"
    desk.cancel("j3")
    desk.cancelled(job="j3")
    assert desk.dispatch.counters.rests == 0
    desk.submit("j4")
    assert desk.started()[0] == "w1"


def test_a_lone_worker_gets_its_job_back_after_its_rest_and_a_test() -> None:
    desk = Desk()
    streaming(desk)
    desk.fails(seq=1)
    assert not desk.sent(wire.Start)
    desk.passes(14, alive=("w1",))
    assert not desk.sent(wire.Start)
    desk.passes(2, alive=("w1",))
    assert desk.started()[1].job != "j1"
    desk.passes_test()
    assert desk.started()[1].job == "j1"
    assert desk.started()[1].attempt == 2


def test_a_moved_job_that_nobody_takes_fails_with_why_it_was_moved() -> None:
    desk = Desk()
    streaming(desk)
    desk.drops(resumable=False)
    desk.passes(31)
    failed = desk.one(Failed)
    assert failed.error.code is ErrorCode.WORKER_LOST
    assert failed.report.usage.completion == 3


def test_a_rest_doubles_with_each_fault_and_ends_with_a_success() -> None:
    desk = Desk(Limits(attempts=9, queue_wait_s=1000))
    desk.join("w1")
    desk.submit()
    for attempt, rest_s in ((1, 15), (2, 30), (3, 60)):
        desk.accepts(attempt=attempt)
        desk.fails(attempt=attempt)
        desk.passes(rest_s - 0.5, alive=("w1",))
        assert not desk.sent(wire.Start)
        desk.passes(1, alive=("w1",))
        desk.passes_test()
        assert desk.started()[1].attempt == attempt + 1
    desk.accepts(attempt=4)
    desk.delta(attempt=4, tokens="1")
    desk.done(attempt=4, seq=1)
    desk.submit("j2")
    desk.accepts(job="j2")
    desk.fails(job="j2")
    desk.passes(16, alive=("w1",))
    desk.passes_test()
    assert desk.started()[1].job == "j2"


def test_a_worker_that_leaves_with_a_rest_comes_back_with_it() -> None:
    desk = Desk()
    streaming(desk)
    desk.fails(seq=1)
    desk.drops(resumable=False)
    desk.join("w1")
    assert not desk.sent(wire.Start)


def test_a_cancelled_job_is_not_moved() -> None:
    desk = Desk()
    streaming(desk)
    desk.join("w2")
    desk.cancel()
    desk.fails(seq=1)
    assert desk.one(Stopped)
    assert not desk.sent(wire.Start)
    assert desk.dispatch.online(M).free == 4
