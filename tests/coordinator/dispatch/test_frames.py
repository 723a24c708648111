"""Frames of workers that are late, repeated, missing or illegal."""

import pytest

from coordinator.dispatch.effects import Accepted, Deliver, Failed, Finished, Noted, Queued
from coordinator.dispatch.frames import ISSUES
from tests.coordinator.dispatch.driver import REQUEST, Driver, M
from wire import messages as wire
from wire.chat import ChatRequest, Content, Message
from wire.errors import ErrorCode
from wire.offers import ModelStatus


def accepted(driver: Driver, slots: int = 2) -> None:
    driver.join("w1", slots=slots)
    driver.submit()
    driver.accepts()


def test_accepted_is_told_once() -> None:
    driver = Driver()
    accepted(driver)
    assert driver.one(Accepted).job == "j1"
    driver.accepts()
    assert not driver.all(Accepted)
    assert not driver.sent(wire.Error)


def test_a_repeated_frame_is_dropped() -> None:
    driver = Driver()
    accepted(driver)
    driver.delta(seq=0, tokens="a")
    driver.delta(seq=0, tokens="a")
    assert driver.text() == ""
    assert driver.dispatch.counters.duplicate_frames == 1


def test_a_gap_is_a_violation_that_moves_the_job_and_tells_the_worker() -> None:
    driver = Driver()
    accepted(driver)
    driver.join("w2")
    driver.delta(seq=1, tokens="b")
    assert driver.text() == ""
    assert driver.sent(wire.Error)[0][1].code is ErrorCode.PROTOCOL_ERROR
    assert driver.sent(wire.Cancel)[0][0] == "w1"
    assert driver.started()[0] == "w2"


def test_tokens_before_accepted_are_a_violation() -> None:
    driver = Driver()
    driver.join()
    driver.submit()
    driver.delta(tokens="a")
    assert driver.text() == ""
    assert driver.sent(wire.Error)


def test_last_words_without_a_token_are_told_with_the_end_and_only_then() -> None:
    driver = Driver()
    accepted(driver)
    driver.delta(seq=0, tokens="a")
    flush = wire.Delta(job="j1", attempt=1, seq=1, parts=(Content(text="EN"),))
    driver.says("w1", wire.Deltas(items=(flush,)))
    assert not driver.all(Deliver)
    driver.done(seq=2)
    assert [event.delta for event in driver.all(Deliver)] == [flush]
    assert isinstance(driver.out[-1], Finished)


def test_last_words_whose_end_is_lost_are_said_again_by_the_next_worker() -> None:
    driver = Driver()
    accepted(driver)
    driver.join("w2")
    flush = wire.Delta(job="j1", attempt=1, seq=0, parts=(Content(text="EN"),))
    driver.says("w1", wire.Deltas(items=(flush,)))
    driver.drops("w1", resumable=False)
    assert not driver.all(Deliver) and driver.started()[0] == "w2"
    driver.accepts("w2", attempt=2)
    driver.says("w2", wire.Deltas(items=(flush.model_copy(update={"attempt": 2}),)))
    driver.done("w2", attempt=2, seq=1)
    assert len(driver.all(Deliver)) == 1


def test_nothing_but_an_end_may_follow_last_words() -> None:
    driver = Driver()
    accepted(driver)
    driver.says("w1", wire.Deltas(items=(wire.Delta(job="j1", attempt=1, seq=0),)))
    driver.delta(seq=1, tokens="b")
    assert driver.dispatch.counters.violations == 1


def test_more_tokens_than_asked_for_are_not_delivered() -> None:
    driver = Driver()
    driver.join()
    driver.submit(request=REQUEST.model_copy(update={"max_tokens": 3}))
    driver.accepts()
    driver.delta(seq=0, tokens="abc")
    assert driver.text() == "abc"
    driver.delta(seq=1, tokens="d")
    assert driver.text() == ""
    assert driver.dispatch.counters.violations == 1


def test_a_second_hello_is_answered_with_an_error() -> None:
    driver = Driver()
    driver.join()
    driver.says("w1", wire.Hello(worker="w1", instance="a", models=()))
    assert driver.sent(wire.Error)[0][1].code is ErrorCode.PROTOCOL_ERROR


def test_frames_for_jobs_that_nobody_knows_do_nothing_but_ends_are_acknowledged() -> None:
    driver = Driver()
    driver.join()
    driver.delta(job="ghost", tokens="a")
    assert not driver.out
    driver.done(job="ghost", seq=4)
    assert driver.sent(wire.Ack)[0][1].items == (wire.AckItem(job="ghost", attempt=1, next_seq=5),)


def test_an_attempt_that_nobody_knows_is_cancelled_when_a_worker_accepts_it() -> None:
    driver = Driver()
    driver.join()
    driver.accepts(job="ghost", attempt=7)
    assert driver.sent(wire.Cancel)[0][1] == wire.Cancel(job="ghost", attempt=7)


LONG = ChatRequest(messages=(Message(role="user", content="word " * 8000),), max_tokens=1000)  # about 10,000 tokens


def test_a_prompt_that_only_fits_elsewhere_waits_for_that_and_others_pass() -> None:
    """Before, it went to the small worker first, which read it, counted it and refused."""
    driver = Driver()
    driver.join("small", context=4096)
    driver.join("large", slots=1, context=65536)
    driver.capacity("large", slots=1, free=0)
    driver.submit("long", request=LONG)
    assert driver.one(Queued)
    driver.submit("short")
    assert driver.started()[0] == "small"
    driver.capacity("large", slots=1, free=1)
    assert driver.started() == ("large", driver.started()[1])


def test_a_prompt_is_tried_where_it_may_fit_if_the_larger_worker_offers_no_slots() -> None:
    driver = Driver()
    driver.join("small", context=4096)
    driver.join("paused", context=65536)
    driver.capacity("paused", slots=0)
    driver.submit("long", request=LONG)
    assert driver.started()[0] == "small"


def test_the_only_worker_with_the_context_is_tried_again_though_it_failed_once() -> None:
    """Before, the job waited for the small one, which could not take it, until its time in the queue was over."""
    driver = Driver()
    driver.join("small", context=4096)
    driver.join("large", context=65536)
    driver.submit("long", request=LONG)
    assert driver.started()[0] == "large"
    driver.accepts("large", "long")
    driver.fails("large", "long")
    assert not driver.sent(wire.Start)
    driver.passes(20, alive=("small", "large"))
    driver.passes_test("large")
    assert [start for name, start in driver.sent(wire.Start) if name == "large" and start.job == "long"]


def test_a_draining_worker_gets_no_more_and_what_it_hands_back_goes_on_elsewhere() -> None:
    driver = Driver()
    accepted(driver)
    driver.delta(tokens="ab")
    driver.says("w1", wire.Draining(deadline_s=120))
    driver.join("w2")
    driver.submit("j2")
    assert driver.started()[0] == "w2"
    driver.fails("w1", seq=1, code=ErrorCode.WORKER_DRAINING)
    assert driver.started()[1].delivered == (ord("a"), ord("b"))


def test_slots_that_the_worker_says_are_taken_are_not_used() -> None:
    driver = Driver()
    driver.join(slots=2)
    driver.capacity(slots=2, free=0)
    driver.submit()
    assert driver.one(Queued)
    driver.capacity(slots=2, free=1)
    assert driver.started()
    assert driver.dispatch.online(M).free == 0


def test_a_capacity_that_crosses_a_start_on_the_line_does_not_free_the_slot() -> None:
    driver = Driver()
    driver.join(slots=1)
    driver.submit("j1")
    driver.capacity(slots=1, free=1)
    driver.submit("j2")
    assert driver.one(Queued)


@pytest.mark.parametrize("status", ["loading", "down", "broken"])
def test_a_model_that_is_not_ready_gets_no_jobs(status: ModelStatus) -> None:
    driver = Driver()
    driver.join()
    driver.capacity(status=status)
    driver.submit()
    assert not driver.sent(wire.Start)
    assert bool(driver.all(Failed)) == (status == "broken")


def test_issues_are_kept_until_they_are_over_and_bounded() -> None:
    driver = Driver()
    driver.join()
    for i in range(ISSUES + 8):
        driver.says("w1", wire.Issue(code=f"i{i}", severity="warning", message="hot"))
    assert driver.one(Noted).event == "worker issue"
    assert len(driver.dispatch.workers[0].issues) == ISSUES
    driver.says("w1", wire.Issue(code="i0", severity="info", message="cool", active=False))
    assert len(driver.dispatch.workers[0].issues) == ISSUES - 1


def test_deltas_of_an_attempt_that_nobody_waits_for_are_late() -> None:
    """Whoever is being cancelled, or tested, could send any number of them: none was counted."""
    driver = Driver()
    driver.join("w1")
    driver.submit()
    driver.accepts()
    driver.delta(seq=7, tokens="out of order: the attempt is given up")
    for _ in range(50):
        driver.delta(seq=7, tokens="x" * 100)
    assert driver.dispatch.counters.late_frames == 50
    for _ in range(50):
        driver.accepts()
    assert driver.dispatch.counters.duplicate_frames == 50


def test_deltas_of_a_test_beyond_its_tokens_are_late() -> None:
    driver = Driver()
    driver.join("w1")
    driver.submit()
    driver.fails(driver.started()[0])
    driver.passes(driver.dispatch.limits.rest_s + 1, alive=("w1",))
    tests = [start for _, start in driver.sent(wire.Start)]
    assert len(tests) == 1
    driver.accepts("w1", tests[0].job)
    for _ in range(50):
        driver.delta("w1", tests[0].job, seq=0, tokens="x" * 100)
    assert driver.dispatch.counters.late_frames >= 49
