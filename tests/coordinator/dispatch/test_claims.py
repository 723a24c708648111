"""Lies of workers: each is named, and what an honest worker sends is none."""

import pytest

from coordinator.dispatch.claims import TEXT_SLACK, believed, lie, weight
from coordinator.scheduler.state import Job, JobSpec, Lease
from tests.coordinator.dispatch.driver import REQUEST, Desk, M
from wire import messages as wire
from wire.chat import CallDelta, Content, Notice, Part, Sampling, Usage

LOGPROB = wire.TokenLogprob(bytes=(65,), logprob=-1.0, top=(((65,), -1.0),))


def job(top_logprobs: int | None = None, max_tokens: int = 4000) -> Job:
    sampling = Sampling(top_logprobs=top_logprobs)
    request = REQUEST.model_copy(update={"sampling": sampling, "max_tokens": max_tokens})
    return Job(JobSpec("j1", "client", M, request, seed=1), submitted=0, waiting_since=0)


def lease() -> Lease:
    return Lease("j1", 1, "w", M, "a", since=0)


def delta(tokens: int = 1, *parts: Part, logprobs: int = 0) -> wire.Delta:
    return wire.Delta(job="j1", attempt=1, seq=0, tokens=(7,) * tokens, parts=parts, logprobs=(LOGPROB,) * logprobs)


def test_a_plain_step_a_full_window_and_a_call_that_was_held_back_are_no_lies() -> None:
    assert lie(job(), lease(), delta(1, Content(text="hello")), 512) is None
    assert lie(job(), lease(), delta(512), 512) is None
    assert lie(job(), lease(), delta(0, CallDelta(index=0, name="f", arguments="x" * 60_000)), 512) is None
    assert lie(job(top_logprobs=1), lease(), delta(3, logprobs=3), 512) is None


@pytest.mark.parametrize(
    ("told", "named"),
    [
        (delta(4001), "more tokens than were asked"),
        (delta(1025), "more tokens than its window"),
        (delta(1, logprobs=1), "logprobs that nobody"),
        (delta(1, Content(text="x" * (TEXT_SLACK + 1000))), "more text than"),
        (delta(1, Notice(text="x" * (TEXT_SLACK + 1000))), "more text than"),
        (delta(1, CallDelta(index=0, name="x" * (TEXT_SLACK + 1000))), "more text than"),
    ],
)
def test_too_much_of_anything_is_named(told: wire.Delta, named: str) -> None:
    assert named in (lie(job(), lease(), told, 512) or "")


def test_more_logprobs_than_tokens_are_named_also_where_logprobs_were_asked_for() -> None:
    assert "logprobs" in (lie(job(top_logprobs=1), lease(), delta(1, logprobs=2), 512) or "")


def test_text_counts_over_the_whole_attempt() -> None:
    held = lease()
    held.tokens, held.weight = 10, TEXT_SLACK + 10 * 512
    assert lie(job(), held, delta(1, Content(text="x" * 512)), 512) is None
    assert lie(job(), held, delta(1, Content(text="x" * 513)), 512)


def test_the_weight_of_a_delta_is_its_text_and_its_logprobs() -> None:
    assert weight(delta(1, Content(text="abc"), CallDelta(index=0, name="f", arguments="{}"))) == 6
    assert weight(delta(1, logprobs=1)) == 2 * 33


def test_a_claimed_prompt_is_believed_up_to_the_context() -> None:
    usage = Usage(prompt=10**9, cached=10**9, completion=3)
    assert believed(usage, 4096) == Usage(prompt=4096, cached=4096, completion=3)
    assert believed(Usage(prompt=5, cached=2, completion=3), 4096) == Usage(prompt=5, cached=2, completion=3)


def test_a_worker_that_lies_loses_the_job_and_the_client_does_not() -> None:
    desk = Desk()
    desk.join("w1")
    desk.submit(request=REQUEST.model_copy(update={"max_tokens": 4000}))
    desk.accepts()
    desk.delta(tokens="abc")
    desk.join("w2")
    desk.delta(seq=1, tokens="x" * 1200)
    assert desk.text() == ""
    assert desk.sent(wire.Cancel)[0][0] == "w1"
    worker, start = desk.started()
    assert (worker, start.delivered) == ("w2", tuple(map(ord, "abc")))
