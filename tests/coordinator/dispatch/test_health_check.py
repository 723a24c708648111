"""A worker that failed a job is tested before it serves again: by a job of the coordinator's own, never by a client."""

from typing import Any

import pytest

from coordinator.dispatch.effects import Deliver, Failed, Finished, SendFiles, Stopped
from coordinator.dispatch.health_check import TEST_S
from coordinator.dispatch.questions import GREY, GREY_SHA256
from coordinator.scheduler.state import Limits
from tests.coordinator.dispatch.driver import Driver, M
from tests.coordinator.dispatch.studio import Studio
from tests.coordinator.media.making import CANNY, EDIT
from wire import messages as wire
from wire.errors import ErrorCode
from wire.media import MediaRequest


def rested() -> tuple[Driver, str]:
    """A worker that failed a job and has rested; the test that it was sent."""
    driver = Driver(Limits(rest_s=10, rest_max_s=40, queue_wait_s=1))
    driver.join()
    driver.submit()
    driver.accepts()
    driver.fails()
    driver.passes(9.75, alive=("w1",))
    assert not driver.sent(wire.Start)
    driver.passes(0.5, alive=("w1",))
    return driver, driver.started()[1].job


def submit_is_placed(driver: Driver, job: str) -> bool:
    driver.submit(job)
    placed = bool(driver.sent(wire.Start))
    driver.cancel(job)
    if placed:
        driver.cancelled(job=job)
    return placed


def test_nobody_hears_of_a_test_and_until_it_is_passed_nobody_is_served() -> None:
    driver, test = rested()
    assert not submit_is_placed(driver, "j2")
    for act in (
        driver.accepts,
        lambda job: driver.delta(job=job, tokens="1 2"),
        lambda job: driver.done(job=job, seq=1),
    ):
        act(job=test)
        assert not [e for e in driver.out if isinstance(e, Deliver | Finished | Failed | Stopped)]
    assert driver.dispatch.counters.tests_passed == 1
    assert submit_is_placed(driver, "j3")
    assert driver.dispatch.running() == 0


@pytest.mark.parametrize("fault", ["fails", "crashes", "says nothing", "refuses", "is empty", "lies"])
def test_a_failed_test_is_a_fault_like_any_other(fault: str) -> None:
    driver, test = rested()
    if fault == "refuses":
        driver.refuses(job=test, code=ErrorCode.INTERNAL_ERROR)
    else:
        driver.accepts(job=test)
    if fault in ("fails", "crashes"):
        driver.fails(job=test, code=ErrorCode.ENGINE_CRASHED if fault == "crashes" else ErrorCode.ENGINE_ERROR)
    elif fault == "is empty":
        driver.done(job=test)
    elif fault == "lies":
        driver.says("w1", wire.Refused(job=test, attempt=1, code=ErrorCode.WORKER_BUSY, message=""))
        driver.passes(0.25, alive=("w1",))
        driver.cancelled(job=test)
    elif fault == "says nothing":
        driver.passes(TEST_S, alive=("w1",))
        driver.cancelled(job=test)
    driver.passes(1, alive=("w1",))
    assert driver.dispatch.counters.tests_failed == 1
    assert not submit_is_placed(driver, "j2")
    driver.passes(17, alive=("w1",))
    assert not driver.sent(wire.Start)  # the second rest is twice as long
    driver.passes(3, alive=("w1",))
    assert driver.started()[1].job != test


@pytest.mark.parametrize("code", [ErrorCode.WORKER_BUSY, ErrorCode.MODEL_NOT_LOADED])
def test_a_worker_without_room_is_tested_later(code: ErrorCode) -> None:
    driver, test = rested()
    driver.refuses(job=test, code=code)
    assert driver.dispatch.counters.tests_failed == 0
    assert not submit_is_placed(driver, "j2")
    driver.passes(5.5, alive=("w1",))
    assert driver.started()[1].job != test


def test_a_test_whose_worker_drops_is_made_again() -> None:
    driver, test = rested()
    driver.drops()
    driver.redials()
    driver.capacity()
    driver.passes(0.5, alive=("w1",))
    assert driver.started()[1].job != test


def test_a_job_that_runs_all_the_while_and_succeeds_is_as_good_as_a_test() -> None:
    driver = Driver(Limits(rest_s=10))
    driver.join()
    driver.submit("j1")
    driver.accepts(job="j1")
    driver.submit("j2")
    driver.accepts(job="j2")
    driver.fails(job="j1")
    driver.delta(job="j2", tokens="1")
    driver.done(job="j2", seq=1)
    assert driver.started()[1].job == "j1"


def test_an_end_without_a_token_ends_no_rest_and_begins_none() -> None:
    """Before, a worker that said `done` to everything had its faults forgotten each time."""
    driver = Driver(Limits(rest_s=10))
    driver.join()
    for job in ("j1", "j2"):
        driver.submit(job)
        driver.accepts(job=job)
    driver.fails(job="j1")
    driver.done(job="j2")
    assert driver.one(Finished) and not driver.sent(wire.Start), "the client has its answer, the worker its rest"
    assert driver.dispatch.counters.rests == 1


def test_an_honest_empty_answer_is_held_against_nobody() -> None:
    """A job that moved with all its tokens delivered, or a model that has nothing to say."""
    driver = Driver()
    driver.join()
    for job in ("j1", "j2"):
        driver.submit(job)
        assert driver.started()[0] == "w1"
        driver.accepts(job=job)
        driver.done(job=job)
        assert driver.one(Finished).job == job
    assert driver.dispatch.counters.rests == 0 and driver.dispatch.workers[0].faults == 0


def test_a_test_holds_a_slot_and_gives_it_back() -> None:
    driver, test = rested()
    assert driver.dispatch.online(M).free == 1
    driver.accepts(job=test)
    driver.delta(job=test, tokens="1")
    driver.done(job=test, seq=1)
    assert driver.dispatch.online(M).free == 2


def test_a_test_that_was_cut_short_with_its_line_is_no_fault_and_is_made_again() -> None:
    driver, test = rested()
    driver.accepts(job=test)
    driver.drops()
    driver.passes(30)
    assert driver.dispatch.counters.tests_failed == 0
    driver.join()
    driver.passes(0.5, alive=("w1",))
    assert driver.started()[1].job != test


# ---- of a worker that makes things -----------------------------------------------------------------------------------


@pytest.mark.parametrize("beside", ["fails", "succeeds"])
def test_a_test_that_is_overtaken_by_a_job_beside_it_holds_no_slot(beside: str) -> None:
    """Before, the worker's next fault, or a job that it ended well, made the test forgotten as it ran: if its end never
    came, its slot was held for good."""
    driver = Driver(Limits(rest_s=10, rest_max_s=40))
    driver.join()
    for job in ("j1", "j2"):
        driver.submit(job)
        driver.accepts(job=job)
    driver.delta(job="j2", tokens="1")
    driver.takes(job="j2")
    driver.fails(job="j1")
    for seq in range(1, 5):  # no stall
        driver.passes(2, alive=("w1",))
        driver.delta(job="j2", seq=seq, tokens=str(seq))
        driver.takes(job="j2", seq=seq)
    driver.passes(3, alive=("w1",))
    test = driver.started()[1].job
    driver.accepts(job=test)
    if beside == "fails":
        driver.fails(job="j2", seq=5)
    else:
        driver.done(job="j2", seq=5)
    driver.passes(0.5, alive=("w1",))
    assert driver.sent(wire.Cancel) == [("w1", wire.Cancel(job=test, attempt=1))]
    driver.cancelled(job=test)
    assert (test, 1) not in driver.dispatch.workers[0].leases


def rested_studio(**fields: Any) -> tuple[Studio, str]:
    """A worker that made nothing and has rested; the test that it was sent."""
    studio = Studio(Limits(rest_s=10))
    studio.opens(**fields)
    studio.asks()
    studio.accepts()
    studio.ends()
    studio.passes(10.25, alive=("w1",))
    return studio, studio.started()[1].job


def test_a_pipeline_makes_a_small_thing_that_nobody_keeps() -> None:
    studio, test = rested_studio()
    start = studio.started()[1]
    token = studio.token(test)
    studio.accepts(job=test)
    studio.shows(job=test)
    assert not studio.out and isinstance(start.request, MediaRequest)
    spec = studio.dispatch.upload(test, 1, token)
    assert spec is not None and spec.account == "", "by which who stores it knows"
    assert studio.uploads(test) and not studio.out
    studio.ends(job=test)
    assert studio.dispatch.counters.tests_passed == 1
    assert studio.started()[1].job == "j1"


def test_one_that_says_done_and_has_made_nothing_has_failed_it() -> None:
    studio, test = rested_studio()
    studio.accepts(job=test)
    studio.ends(job=test)
    assert studio.dispatch.counters.tests_failed == 1 and studio.dispatch.resting(studio.now)


def test_one_that_needs_a_picture_for_it_is_sent_one() -> None:
    studio, test = rested_studio(modes=("edit_image", "generate_image"))
    assert studio.started()[1].request.make.tool == "generate_image"  # type: ignore[union-attr]
    studio = Studio(Limits(rest_s=10))
    studio.opens(modes=("edit_image",))
    studio.asks(request=EDIT)
    studio.accepts()
    studio.ends()
    studio.passes(10.25, alive=("w1",))
    test = studio.started()[1].job
    studio.needs((GREY_SHA256, 0), job=test)
    assert studio.one(SendFiles).files[0].data == GREY


def test_one_that_cannot_be_asked_anything_serves_again_after_its_rest() -> None:
    studio = Studio(Limits(rest_s=10))
    studio.opens(modes=("video_to_video.canny",))
    studio.asks(request=CANNY)
    studio.accepts()
    studio.ends()
    studio.passes(10.25, alive=("w1",))
    assert studio.started()[1].job == "j1"


def test_where_a_worker_failed_it_is_tested_and_a_chat_does_not_wipe_that_out() -> None:
    driver = Studio(Limits(rest_s=10))
    driver.joins_with_both("both")
    driver.asks(model="painter")
    driver.accepts("both")
    driver.ends("both")
    driver.passes(10.25, alive=("both",))
    test = driver.started()[1]
    assert isinstance(test.request, MediaRequest)
    driver.makes("both", test.job)
    driver.cancel("j1")
    driver.cancelled("both", "j1", 2)
    driver.submit("chat")
    driver.serves("both", driver.started()[1])
    quarantine = driver.dispatch._state.quarantine
    assert quarantine.failures("gpus/both") == 1
    driver.asks("j2", model="painter")
    driver.makes("both", "j2")
    assert quarantine.failures("gpus/both") == 0
