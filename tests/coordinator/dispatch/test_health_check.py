"""A worker that failed a job is tested before it serves again: by a job of the coordinator's own, never by a client."""

import pytest

from coordinator.dispatch.effects import Deliver, Failed, Finished, Stopped
from coordinator.dispatch.health_check import TEST_S
from coordinator.scheduler.state import Limits
from tests.coordinator.dispatch.driver import Desk, M
from wire import messages as wire
from wire.errors import ErrorCode


def rested() -> tuple[Desk, str]:
    """A worker that failed a job and has rested; the test that it was sent."""
    desk = Desk(Limits(rest_s=10, rest_max_s=40, queue_wait_s=1))
    desk.join()
    desk.submit()
    desk.accepts()
    desk.fails()
    desk.passes(9.75, alive=("w1",))
    assert not desk.sent(wire.Start)
    desk.passes(0.5, alive=("w1",))
    return desk, desk.started()[1].job


def submit_is_placed(desk: Desk, job: str) -> bool:
    desk.submit(job)
    placed = bool(desk.sent(wire.Start))
    desk.cancel(job)
    if placed:
        desk.cancelled(job=job)
    return placed


def test_nobody_hears_of_a_test_and_until_it_is_passed_nobody_is_served() -> None:
    desk, test = rested()
    assert not submit_is_placed(desk, "j2")
    for act in (desk.accepts, lambda job: desk.delta(job=job, tokens="1 2"), lambda job: desk.done(job=job, seq=1)):
        act(job=test)
        assert not [e for e in desk.out if isinstance(e, Deliver | Finished | Failed | Stopped)]
    assert desk.dispatch.counters.tests_passed == 1
    assert submit_is_placed(desk, "j3")
    assert desk.dispatch.running() == 0


@pytest.mark.parametrize("fault", ["fails", "crashes", "says nothing", "refuses", "is empty", "lies"])
def test_a_failed_test_is_a_fault_like_any_other(fault: str) -> None:
    desk, test = rested()
    if fault == "refuses":
        desk.refuses(job=test, code=ErrorCode.INTERNAL_ERROR)
    else:
        desk.accepts(job=test)
    if fault in ("fails", "crashes"):
        desk.fails(job=test, code=ErrorCode.ENGINE_CRASHED if fault == "crashes" else ErrorCode.ENGINE_ERROR)
    elif fault == "is empty":
        desk.done(job=test)
    elif fault == "lies":
        desk.says("w1", wire.Refused(job=test, attempt=1, code=ErrorCode.WORKER_BUSY, message=""))
        desk.passes(0.25, alive=("w1",))
        desk.cancelled(job=test)
    elif fault == "says nothing":
        desk.passes(TEST_S, alive=("w1",))
        desk.cancelled(job=test)
    desk.passes(1, alive=("w1",))
    assert desk.dispatch.counters.tests_failed == 1
    assert not submit_is_placed(desk, "j2")
    desk.passes(17, alive=("w1",))
    assert not desk.sent(wire.Start)  # the second rest is twice as long
    desk.passes(3, alive=("w1",))
    assert desk.started()[1].job != test


@pytest.mark.parametrize("code", [ErrorCode.WORKER_BUSY, ErrorCode.MODEL_NOT_LOADED])
def test_a_worker_without_room_is_tested_later(code: ErrorCode) -> None:
    desk, test = rested()
    desk.refuses(job=test, code=code)
    assert desk.dispatch.counters.tests_failed == 0
    assert not submit_is_placed(desk, "j2")
    desk.passes(5.5, alive=("w1",))
    assert desk.started()[1].job != test


def test_a_test_whose_worker_drops_is_made_again() -> None:
    desk, test = rested()
    desk.drops()
    desk.redials()
    desk.capacity()
    desk.passes(0.5, alive=("w1",))
    assert desk.started()[1].job != test


def test_a_job_that_runs_all_the_while_and_succeeds_is_as_good_as_a_test() -> None:
    desk = Desk(Limits(rest_s=10))
    desk.join()
    desk.submit("j1")
    desk.accepts(job="j1")
    desk.submit("j2")
    desk.accepts(job="j2")
    desk.fails(job="j1")
    desk.delta(job="j2", tokens="1")
    desk.done(job="j2", seq=1)
    assert desk.started()[1].job == "j1"


def test_an_end_without_a_token_ends_no_rest_and_begins_none() -> None:
    """Before, a worker that said `done` to everything had its faults forgotten each time."""
    desk = Desk(Limits(rest_s=10))
    desk.join()
    for job in ("j1", "j2"):
        desk.submit(job)
        desk.accepts(job=job)
    desk.fails(job="j1")
    desk.done(job="j2")
    assert desk.one(Finished) and not desk.sent(wire.Start), "the client has its answer, the worker its rest"
    assert desk.dispatch.counters.rests == 1


def test_an_honest_empty_answer_is_held_against_nobody() -> None:
    """A job that moved with all its tokens delivered, or a model that has nothing to say."""
    desk = Desk()
    desk.join()
    for job in ("j1", "j2"):
        desk.submit(job)
        assert desk.started()[0] == "w1"
        desk.accepts(job=job)
        desk.done(job=job)
        assert desk.one(Finished).job == job
    assert desk.dispatch.counters.rests == 0 and desk.dispatch.workers[0].faults == 0


def test_a_test_holds_a_slot_and_gives_it_back() -> None:
    desk, test = rested()
    assert desk.dispatch.online(M).free == 1
    desk.accepts(job=test)
    desk.delta(job=test, tokens="1")
    desk.done(job=test, seq=1)
    assert desk.dispatch.online(M).free == 2


def test_a_test_that_was_cut_short_with_its_line_is_no_fault_and_is_made_again() -> None:
    desk, test = rested()
    desk.accepts(job=test)
    desk.drops()
    desk.passes(30)
    assert desk.dispatch.counters.tests_failed == 0
    desk.join()
    desk.passes(0.5, alive=("w1",))
    assert desk.started()[1].job != test
