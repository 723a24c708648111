"""Workers that refuse, fail, or end an answer where their context ends."""

import pytest

from coordinator.dispatch.effects import Deliver, Failed, Finished
from coordinator.scheduler.state import Limits
from tests.coordinator.dispatch.driver import REQUEST, Driver
from wire import messages as wire
from wire.chat import Content
from wire.errors import ErrorCode


def accepted(driver: Driver, slots: int = 2) -> None:
    driver.join("w1", slots=slots)
    driver.submit()
    driver.accepts()


def test_a_busy_worker_is_left_alone_for_as_long_as_it_says_and_no_longer() -> None:
    driver = Driver()
    driver.join()
    driver.submit()
    driver.refuses()
    assert not driver.sent(wire.Start)
    driver.passes(1.25, alive=("w1",))
    assert driver.started()[1].attempt == 2
    assert driver.dispatch.counters.violations == 0


def test_workers_that_refuse_again_and_again_do_not_hold_a_job_for_ever() -> None:
    driver = Driver()
    for number in range(8):
        driver.join(f"w{number}", owner=f"owner-{number}")
    driver.submit()
    for attempt in range(1, 9):
        assert not driver.all(Failed)
        driver.refuses(driver.started()[0], attempt=attempt)
    assert driver.one(Failed).error.code is ErrorCode.WORKER_BUSY
    assert driver.dispatch.counters.rests == 0  # each of them once


def test_the_one_worker_that_refuses_again_and_again_rests_and_the_job_fails_in_time() -> None:
    driver = Driver()
    driver.join()
    driver.submit()
    for attempt in range(1, 6):
        driver.capacity(free=0)
        driver.refuses(attempt=attempt)
        assert not driver.all(Failed)
        driver.passes(1.25, alive=("w1",))
        driver.capacity()
    assert driver.dispatch.counters.rests == 1
    driver.passes(driver.dispatch.limits.queue_wait_s, alive=("w1",))
    assert driver.one(Failed).error.code is ErrorCode.QUEUE_TIMEOUT


def test_the_requests_own_fault_ends_the_job_with_the_workers_explanation() -> None:
    """There is one owner alone: nobody else can be asked."""
    driver = Driver()
    driver.join("w1")
    driver.join("w2")
    driver.submit()
    driver.refuses(driver.started()[0], code=ErrorCode.INVALID_REQUEST)
    error = driver.one(Failed).error
    assert (error.code, error.param) == (ErrorCode.INVALID_REQUEST, "messages")
    assert error.message.endswith("In the worker's words: 'no'")


@pytest.mark.parametrize("refused", [True, False])
def test_a_bug_in_reading_an_answer_may_be_the_requests_doing_and_a_second_worker_decides(refused: bool) -> None:
    driver = Driver()
    for name in ("w1", "w2", "w3"):
        driver.join(name)
    driver.proves("w1", "w2", "w3")
    driver.submit()
    for attempt in (1, 2):
        worker = driver.started()[0]
        if refused:
            driver.refuses(worker, attempt=attempt, code=ErrorCode.INTERNAL_ERROR)
        else:
            driver.accepts(worker, attempt=attempt)
            driver.fails(worker, attempt=attempt, code=ErrorCode.INTERNAL_ERROR)
    assert driver.one(Failed).error.code is ErrorCode.POISON_REQUEST
    assert driver.dispatch.counters.rests == 0 and not driver.sent(wire.Start)


@pytest.mark.parametrize(
    "code", [ErrorCode.INVALID_API_KEY, ErrorCode.INSUFFICIENT_QUOTA, ErrorCode.POISON_REQUEST, ErrorCode.NO_WORKER]
)
def test_a_worker_is_not_believed_about_what_it_cannot_know(code: ErrorCode) -> None:
    driver = Driver()
    driver.join("w1")
    driver.join("w2")
    driver.submit()
    first = driver.started()[0]
    driver.refuses(first, code=code)
    assert driver.started()[0] != first


def test_a_request_too_long_for_one_worker_goes_to_one_with_more_context() -> None:
    driver = Driver()
    driver.join("w1", context=1024)
    driver.submit()
    driver.join("w2", context=8192)
    driver.refuses("w1", code=ErrorCode.CONTEXT_LENGTH_EXCEEDED)
    assert driver.started()[0] == "w2"
    driver.refuses("w2", attempt=2, code=ErrorCode.CONTEXT_LENGTH_EXCEEDED)
    assert driver.one(Failed).error.code is ErrorCode.CONTEXT_LENGTH_EXCEEDED


def test_an_answer_that_fills_its_slot_goes_on_where_there_is_more_context() -> None:
    """Before, it ended with "length" after 3 of 1,000 tokens, with a worker of twice the context beside it."""
    driver = Driver()
    driver.join("w1", context=1024)
    driver.submit()
    driver.join("w2", context=8192)
    driver.accepts("w1")
    driver.delta("w1", tokens="abc")
    held = wire.Delta(job="j1", attempt=1, seq=1, tokens=(), parts=(Content(text="<tool"),))
    driver.says("w1", wire.Deltas(items=(held,)))
    driver.done("w1", seq=2, completion=3, reason="length")
    worker, start = driver.started()
    assert worker == "w2" and start.delivered == tuple(map(ord, "abc"))
    assert not driver.all(Finished) and not driver.all(Deliver), "what the parser held is said by the next worker"
    driver.accepts("w2", attempt=2)
    driver.delta("w2", attempt=2, tokens="d")
    driver.done("w2", attempt=2, seq=1, completion=4, reason="length")
    assert driver.one(Finished).finish_reason == "length", "nobody has more"
    assert dict(driver.one(Finished).report.served) == {"gpus/w1": 3, "gpus/w2": 1}


def test_an_answer_is_cut_where_nobody_can_go_on_at_once_or_nothing_more_was_asked_for() -> None:
    driver = Driver()
    driver.join("w1", context=1024)
    driver.submit(request=REQUEST.model_copy(update={"max_tokens": 3}))
    driver.join("w2", context=8192)
    driver.accepts("w1")
    driver.delta("w1", tokens="abc")
    driver.done("w1", seq=1, completion=3, reason="length")
    assert driver.one(Finished).finish_reason == "length"
    driver.capacity("w2", slots=2, free=0)
    driver.submit("j2")
    driver.accepts("w1", "j2")
    driver.delta("w1", "j2", tokens="abc")
    driver.done("w1", "j2", seq=1, completion=3, reason="length")
    assert driver.one(Finished).finish_reason == "length"


@pytest.mark.parametrize("how", ["leaves", "refuses", "fails"])
def test_an_answer_that_was_cut_stands_if_nobody_goes_on_with_it_after_all(how: str) -> None:
    """Before, who offered more context and then left, or lied, made a broken stream of a whole answer."""
    driver = Driver()
    driver.join("w1", context=1024)
    driver.submit()
    driver.join("w2", context=8192)
    driver.accepts("w1")
    driver.delta("w1", tokens="abc")
    held = wire.Delta(job="j1", attempt=1, seq=1, tokens=(), parts=(Content(text="<tool"),))
    driver.says("w1", wire.Deltas(items=(held,)))
    driver.done("w1", seq=2, completion=3, reason="length")
    assert driver.started()[0] == "w2" and not driver.all(Finished)
    match how:
        case "leaves":
            driver.drops("w2", resumable=False)
        case "refuses":
            driver.refuses("w2", attempt=2, code=ErrorCode.CONTEXT_LENGTH_EXCEEDED)
        case "fails":
            driver.accepts("w2", attempt=2)
            driver.fails("w2", attempt=2, code=ErrorCode.INVALID_REQUEST)
    assert driver.one(Deliver).delta == held and not driver.all(Failed)
    finished = driver.one(Finished)
    assert finished.finish_reason == "length" and finished.report.served == (("gpus/w1", 3),)
    assert (finished.report.usage.prompt, finished.report.usage.completion) == (7, 3)
    assert driver.dispatch.running() == 0


@pytest.mark.parametrize(
    "code",
    [ErrorCode.INVALID_API_KEY, ErrorCode.INSUFFICIENT_QUOTA, ErrorCode.RATE_LIMIT_EXCEEDED, ErrorCode.NOT_FOUND],
)
@pytest.mark.parametrize("workers", [("w1",), ("w1", "w2", "w3")])
def test_no_worker_can_tell_a_client_of_its_key_or_its_money(workers: tuple[str, ...], code: ErrorCode) -> None:
    """Before, the last of three liars, or a lone one, had its word passed on: 401, and a client gave up a good key."""
    driver = Driver()
    for worker in workers:
        driver.join(worker)
    driver.submit()
    for attempt, _ in enumerate(workers, 1):
        worker, _ = driver.started()
        driver.accepts(worker, attempt=attempt)
        driver.fails(worker, attempt=attempt, code=code)
    if len(workers) == 1:
        driver.passes(Limits().queue_wait_s, alive=workers)
    error = driver.one(Failed).error
    assert error.code is ErrorCode.ENGINE_ERROR and code not in error.message
