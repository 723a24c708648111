"""Frames of workers that are late, repeated, missing, illegal, or that refuse."""

import pytest

from coordinator.dispatch.effects import Accepted, Deliver, Failed, Finished, Noted, Queued
from coordinator.dispatch.frames import ISSUES
from coordinator.scheduler.fleet import Fleet
from coordinator.scheduler.state import Job, Limits, Worker
from tests.coordinator.dispatch.driver import REQUEST, Desk, M
from wire import messages as wire
from wire.chat import ChatRequest, Content, Message
from wire.errors import ErrorCode


def accepted(desk: Desk, slots: int = 2) -> None:
    desk.join("w1", slots=slots)
    desk.submit()
    desk.accepts()


def test_accepted_is_told_once() -> None:
    desk = Desk()
    accepted(desk)
    assert desk.one(Accepted).job == "j1"
    desk.accepts()
    assert not desk.all(Accepted)
    assert not desk.sent(wire.Error)


def test_a_repeated_frame_is_dropped() -> None:
    desk = Desk()
    accepted(desk)
    desk.delta(seq=0, tokens="a")
    desk.delta(seq=0, tokens="a")
    assert desk.text() == ""
    assert desk.dispatch.counters.duplicate_frames == 1


def test_a_gap_is_a_violation_that_moves_the_job_and_tells_the_worker() -> None:
    desk = Desk()
    accepted(desk)
    desk.join("w2")
    desk.delta(seq=1, tokens="b")
    assert desk.text() == ""
    assert desk.sent(wire.Error)[0][1].code is ErrorCode.PROTOCOL_ERROR
    assert desk.sent(wire.Cancel)[0][0] == "w1"
    assert desk.started()[0] == "w2"


def test_tokens_before_accepted_are_a_violation() -> None:
    desk = Desk()
    desk.join()
    desk.submit()
    desk.delta(tokens="a")
    assert desk.text() == ""
    assert desk.sent(wire.Error)


def test_last_words_without_a_token_are_told_with_the_end_and_only_then() -> None:
    desk = Desk()
    accepted(desk)
    desk.delta(seq=0, tokens="a")
    flush = wire.Delta(job="j1", attempt=1, seq=1, parts=(Content(text="EN"),))
    desk.says("w1", wire.Deltas(items=(flush,)))
    assert not desk.all(Deliver)
    desk.done(seq=2)
    assert [event.delta for event in desk.all(Deliver)] == [flush]
    assert isinstance(desk.out[-1], Finished)


def test_last_words_whose_end_is_lost_are_said_again_by_the_next_worker() -> None:
    desk = Desk()
    accepted(desk)
    desk.join("w2")
    flush = wire.Delta(job="j1", attempt=1, seq=0, parts=(Content(text="EN"),))
    desk.says("w1", wire.Deltas(items=(flush,)))
    desk.drops("w1", resumable=False)
    assert not desk.all(Deliver) and desk.started()[0] == "w2"
    desk.accepts("w2", attempt=2)
    desk.says("w2", wire.Deltas(items=(flush.model_copy(update={"attempt": 2}),)))
    desk.done("w2", attempt=2, seq=1)
    assert len(desk.all(Deliver)) == 1


def test_nothing_but_an_end_may_follow_last_words() -> None:
    desk = Desk()
    accepted(desk)
    desk.says("w1", wire.Deltas(items=(wire.Delta(job="j1", attempt=1, seq=0),)))
    desk.delta(seq=1, tokens="b")
    assert desk.dispatch.counters.violations == 1


def test_more_tokens_than_asked_for_are_not_delivered() -> None:
    desk = Desk()
    desk.join()
    desk.submit(request=REQUEST.model_copy(update={"max_tokens": 3}))
    desk.accepts()
    desk.delta(seq=0, tokens="abc")
    assert desk.text() == "abc"
    desk.delta(seq=1, tokens="d")
    assert desk.text() == ""
    assert desk.dispatch.counters.violations == 1


def test_a_second_hello_is_answered_with_an_error() -> None:
    desk = Desk()
    desk.join()
    desk.says("w1", wire.Hello(worker="w1", instance="a", models=()))
    assert desk.sent(wire.Error)[0][1].code is ErrorCode.PROTOCOL_ERROR


def test_frames_for_jobs_that_nobody_knows_do_nothing_but_ends_are_acknowledged() -> None:
    desk = Desk()
    desk.join()
    desk.delta(job="ghost", tokens="a")
    assert not desk.out
    desk.done(job="ghost", seq=4)
    assert desk.sent(wire.Ack)[0][1].items == (wire.AckItem(job="ghost", attempt=1, next_seq=5),)


def test_an_attempt_that_nobody_knows_is_cancelled_when_a_worker_accepts_it() -> None:
    desk = Desk()
    desk.join()
    desk.accepts(job="ghost", attempt=7)
    assert desk.sent(wire.Cancel)[0][1] == wire.Cancel(job="ghost", attempt=7)


def test_a_busy_worker_is_left_alone_for_as_long_as_it_says_and_no_longer() -> None:
    desk = Desk()
    desk.join()
    desk.submit()
    desk.refuses()
    assert not desk.sent(wire.Start)
    desk.passes(1.25, alive=("w1",))
    assert desk.started()[1].attempt == 2
    assert desk.dispatch.counters.violations == 0


def test_a_worker_that_refuses_again_and_again_does_not_hold_a_job_for_ever() -> None:
    desk = Desk()
    desk.join()
    desk.submit()
    for attempt in range(1, 8):
        desk.refuses(attempt=attempt)
        assert not desk.all(Failed)
        desk.passes(1.25, alive=("w1",))
    desk.refuses(attempt=8)
    assert desk.one(Failed).error.code is ErrorCode.WORKER_BUSY


def test_the_requests_own_fault_ends_the_job_with_the_workers_explanation() -> None:
    desk = Desk()
    desk.join("w1")
    desk.join("w2")
    desk.submit()
    desk.refuses(desk.started()[0], code=ErrorCode.INVALID_REQUEST)
    error = desk.one(Failed).error
    assert (error.code, error.message, error.param) == (ErrorCode.INVALID_REQUEST, "no", "messages")


@pytest.mark.parametrize("refused", [True, False])
def test_a_bug_in_reading_an_answer_may_be_the_requests_doing_and_a_second_worker_decides(refused: bool) -> None:
    desk = Desk()
    for name in ("w1", "w2", "w3"):
        desk.join(name)
    desk.proves("w1", "w2", "w3")
    desk.submit()
    for attempt in (1, 2):
        worker = desk.started()[0]
        if refused:
            desk.refuses(worker, attempt=attempt, code=ErrorCode.INTERNAL_ERROR)
        else:
            desk.accepts(worker, attempt=attempt)
            desk.fails(worker, attempt=attempt, code=ErrorCode.INTERNAL_ERROR)
    assert desk.one(Failed).error.code is ErrorCode.POISON_REQUEST
    assert desk.dispatch.counters.rests == 0 and not desk.sent(wire.Start)


@pytest.mark.parametrize(
    "code", [ErrorCode.INVALID_API_KEY, ErrorCode.INSUFFICIENT_QUOTA, ErrorCode.POISON_REQUEST, ErrorCode.NO_WORKER]
)
def test_a_worker_is_not_believed_about_what_it_cannot_know(code: ErrorCode) -> None:
    desk = Desk()
    desk.join("w1")
    desk.join("w2")
    desk.submit()
    first = desk.started()[0]
    desk.refuses(first, code=code)
    assert desk.started()[0] != first


def test_a_request_too_long_for_one_worker_goes_to_one_with_more_context() -> None:
    desk = Desk()
    desk.join("w1", context=1024)
    desk.submit()
    desk.join("w2", context=8192)
    desk.refuses("w1", code=ErrorCode.CONTEXT_LENGTH_EXCEEDED)
    assert desk.started()[0] == "w2"
    desk.refuses("w2", attempt=2, code=ErrorCode.CONTEXT_LENGTH_EXCEEDED)
    assert desk.one(Failed).error.code is ErrorCode.CONTEXT_LENGTH_EXCEEDED


def test_an_answer_that_fills_its_slot_goes_on_where_there_is_more_context() -> None:
    """Before, it ended with "length" after 3 of 1,000 tokens, with a worker of twice the context beside it."""
    desk = Desk()
    desk.join("w1", context=1024)
    desk.submit()
    desk.join("w2", context=8192)
    desk.accepts("w1")
    desk.delta("w1", tokens="abc")
    held = wire.Delta(job="j1", attempt=1, seq=1, tokens=(), parts=(Content(text="<tool"),))
    desk.says("w1", wire.Deltas(items=(held,)))
    desk.done("w1", seq=2, completion=3, reason="length")
    worker, start = desk.started()
    assert worker == "w2" and start.delivered == tuple(map(ord, "abc"))
    assert not desk.all(Finished) and not desk.all(Deliver), "what the parser held is said by the next worker"
    desk.accepts("w2", attempt=2)
    desk.delta("w2", attempt=2, tokens="d")
    desk.done("w2", attempt=2, seq=1, completion=4, reason="length")
    assert desk.one(Finished).finish_reason == "length", "nobody has more"
    assert dict(desk.one(Finished).report.served) == {"gpus/w1": 3, "gpus/w2": 1}


def test_an_answer_is_cut_where_nobody_can_go_on_at_once_or_nothing_more_was_asked_for() -> None:
    desk = Desk()
    desk.join("w1", context=1024)
    desk.submit(request=REQUEST.model_copy(update={"max_tokens": 3}))
    desk.join("w2", context=8192)
    desk.accepts("w1")
    desk.delta("w1", tokens="abc")
    desk.done("w1", seq=1, completion=3, reason="length")
    assert desk.one(Finished).finish_reason == "length"
    desk.capacity("w2", slots=2, free=0)
    desk.submit("j2")
    desk.accepts("w1", "j2")
    desk.delta("w1", "j2", tokens="abc")
    desk.done("w1", "j2", seq=1, completion=3, reason="length")
    assert desk.one(Finished).finish_reason == "length"


@pytest.mark.parametrize("how", ["leaves", "refuses", "fails"])
def test_an_answer_that_was_cut_stands_if_nobody_goes_on_with_it_after_all(how: str) -> None:
    """Before, who offered more context and then left, or lied, made a broken stream of a whole answer."""
    desk = Desk()
    desk.join("w1", context=1024)
    desk.submit()
    desk.join("w2", context=8192)
    desk.accepts("w1")
    desk.delta("w1", tokens="abc")
    held = wire.Delta(job="j1", attempt=1, seq=1, tokens=(), parts=(Content(text="<tool"),))
    desk.says("w1", wire.Deltas(items=(held,)))
    desk.done("w1", seq=2, completion=3, reason="length")
    assert desk.started()[0] == "w2" and not desk.all(Finished)
    match how:
        case "leaves":
            desk.drops("w2", resumable=False)
        case "refuses":
            desk.refuses("w2", attempt=2, code=ErrorCode.CONTEXT_LENGTH_EXCEEDED)
        case "fails":
            desk.accepts("w2", attempt=2)
            desk.fails("w2", attempt=2, code=ErrorCode.INVALID_REQUEST)
    assert desk.one(Deliver).delta == held and not desk.all(Failed)
    finished = desk.one(Finished)
    assert finished.finish_reason == "length" and finished.report.served == (("gpus/w1", 3),)
    assert (finished.report.usage.prompt, finished.report.usage.completion) == (7, 3)
    assert desk.dispatch.running() == 0


@pytest.mark.parametrize(
    "code",
    [ErrorCode.INVALID_API_KEY, ErrorCode.INSUFFICIENT_QUOTA, ErrorCode.RATE_LIMIT_EXCEEDED, ErrorCode.NOT_FOUND],
)
@pytest.mark.parametrize("workers", [("w1",), ("w1", "w2", "w3")])
def test_no_worker_can_tell_a_client_of_its_key_or_its_money(workers: tuple[str, ...], code: ErrorCode) -> None:
    """Before, the last of three liars, or a lone one, had its word passed on: 401, and a client gave up a good key."""
    desk = Desk()
    for worker in workers:
        desk.join(worker)
    desk.submit()
    for attempt, _ in enumerate(workers, 1):
        worker, _ = desk.started()
        desk.accepts(worker, attempt=attempt)
        desk.fails(worker, attempt=attempt, code=code)
    if len(workers) == 1:
        desk.passes(Limits().queue_wait_s, alive=workers)
    error = desk.one(Failed).error
    assert error.code is ErrorCode.ENGINE_ERROR and code not in error.message


LONG = ChatRequest(messages=(Message(role="user", content="word " * 8000),), max_tokens=1000)  # about 10,000 tokens


def test_a_prompt_that_only_fits_elsewhere_waits_for_that_and_others_pass() -> None:
    """Before, it went to the small worker first, which read it, counted it and refused."""
    desk = Desk()
    desk.join("small", context=4096)
    desk.join("large", slots=1, context=65536)
    desk.capacity("large", slots=1, free=0)
    desk.submit("long", request=LONG)
    assert desk.one(Queued)
    desk.submit("short")
    assert desk.started()[0] == "small"
    desk.capacity("large", slots=1, free=1)
    assert desk.started() == ("large", desk.started()[1])


def test_of_many_prompts_that_wait_for_the_same_worker_one_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before, each of them was held against every worker at every job's end: with 1,000 workers and 256 that waited,
    a request took 290 ms of the coordinator."""
    desk = Desk()
    desk.join("small", context=4096)
    desk.join("large", slots=1, context=65536)
    desk.capacity("large", slots=1, free=0)
    tried: list[str] = []
    choose = Fleet.choose

    def counted(fleet: Fleet, job: Job, *rest: float) -> Worker | None:
        tried.append(job.spec.id)
        return choose(fleet, job, *rest)

    for number in range(20):
        desk.submit(f"long{number}", request=LONG)
    monkeypatch.setattr(Fleet, "choose", counted)
    desk.submit("short")
    assert desk.started() == ("small", desk.started()[1]) and tried == ["long0", "short"]
    desk.capacity("large", slots=1, free=1)
    assert (desk.started()[0], desk.started()[1].job) == ("large", "long0")


def test_a_prompt_is_tried_where_it_may_fit_if_the_larger_worker_offers_no_slots() -> None:
    desk = Desk()
    desk.join("small", context=4096)
    desk.join("paused", context=65536)
    desk.capacity("paused", slots=0)
    desk.submit("long", request=LONG)
    assert desk.started()[0] == "small"


def test_the_only_worker_with_the_context_is_tried_again_though_it_failed_once() -> None:
    """Before, the job waited for the small one, which could not take it, until its time in the queue was over."""
    desk = Desk()
    desk.join("small", context=4096)
    desk.join("large", context=65536)
    desk.submit("long", request=LONG)
    assert desk.started()[0] == "large"
    desk.accepts("large", "long")
    desk.fails("large", "long")
    assert not desk.sent(wire.Start)
    desk.passes(20, alive=("small", "large"))
    desk.passes_test("large")
    assert [start for name, start in desk.sent(wire.Start) if name == "large" and start.job == "long"]


def test_a_draining_worker_gets_no_more_and_what_it_hands_back_goes_on_elsewhere() -> None:
    desk = Desk()
    accepted(desk)
    desk.delta(tokens="ab")
    desk.says("w1", wire.Draining(deadline_s=120))
    desk.join("w2")
    desk.submit("j2")
    assert desk.started()[0] == "w2"
    desk.fails("w1", seq=1, code=ErrorCode.WORKER_DRAINING)
    assert desk.started()[1].delivered == (ord("a"), ord("b"))


def test_slots_that_the_worker_says_are_taken_are_not_used() -> None:
    desk = Desk()
    desk.join(slots=2)
    desk.capacity(slots=2, free=0)
    desk.submit()
    assert desk.one(Queued)
    desk.capacity(slots=2, free=1)
    assert desk.started()
    assert desk.dispatch.online(M).free == 0


def test_a_capacity_that_crosses_a_start_on_the_line_does_not_free_the_slot() -> None:
    desk = Desk()
    desk.join(slots=1)
    desk.submit("j1")
    desk.capacity(slots=1, free=1)
    desk.submit("j2")
    assert desk.one(Queued)


@pytest.mark.parametrize("status", ["loading", "down", "broken"])
def test_a_model_that_is_not_ready_gets_no_jobs(status: str) -> None:
    desk = Desk()
    desk.join()
    desk.capacity(status=status)
    desk.submit()
    assert not desk.sent(wire.Start)
    assert bool(desk.all(Failed)) == (status == "broken")


def test_issues_are_kept_until_they_are_over_and_bounded() -> None:
    desk = Desk()
    desk.join()
    for i in range(ISSUES + 8):
        desk.says("w1", wire.Issue(code=f"i{i}", severity="warning", message="hot"))
    assert desk.one(Noted).event == "worker issue"
    assert len(desk.dispatch.workers[0].issues) == ISSUES
    desk.says("w1", wire.Issue(code="i0", severity="info", message="cool", active=False))
    assert len(desk.dispatch.workers[0].issues) == ISSUES - 1
