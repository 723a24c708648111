"""Lies of workers: each is named, and what an honest worker sends is none."""

import pytest

from coordinator.dispatch.claims import PART_BYTES, TEXT_SLACK, clamped, far_above, size_bytes, violation
from coordinator.scheduler.state import Job, JobSpec, Lease
from tests.coordinator.dispatch.driver import REQUEST, Driver, M
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


def wrong(job: Job, lease: Lease, delta: wire.Delta) -> str | None:
    return violation(job, lease, delta, size_bytes(delta), 512)


def test_a_plain_step_a_full_window_and_a_call_that_was_held_back_are_no_lies() -> None:
    assert wrong(job(), lease(), delta(1, Content(text="hello"))) is None
    assert wrong(job(), lease(), delta(512)) is None
    assert wrong(job(), lease(), delta(0, CallDelta(index=0, name="f", arguments="x" * 60_000))) is None
    assert wrong(job(top_logprobs=1), lease(), delta(3, logprobs=3)) is None


@pytest.mark.parametrize(
    ("told", "named"),
    [
        (delta(4001), "more tokens than were asked"),
        (delta(1025), "more tokens than its window"),
        (delta(1, logprobs=1), "logprobs that nobody"),
        (delta(1, Content(text="x" * (TEXT_SLACK + 1000))), "more text than"),
        (delta(1, Content(text="\U00020000" * (TEXT_SLACK // 4 + 1000))), "more text than"),
        (delta(1, Notice(text="x" * (TEXT_SLACK + 1000))), "more text than"),
        (delta(1, CallDelta(index=0, name="x" * (TEXT_SLACK + 1000))), "more text than"),
    ],
)
def test_too_much_of_anything_is_named(told: wire.Delta, named: str) -> None:
    assert named in (wrong(job(), lease(), told) or "")


def test_more_logprobs_than_tokens_are_named_also_where_logprobs_were_asked_for() -> None:
    assert "logprobs" in (wrong(job(top_logprobs=1), lease(), delta(1, logprobs=2)) or "")


def test_text_counts_over_the_whole_attempt() -> None:
    held = lease()
    held.tokens, held.size_bytes = 10, TEXT_SLACK + 10 * 512
    assert wrong(job(), held, delta(1, Content(text="x" * (512 - PART_BYTES)))) is None
    assert wrong(job(), held, delta(1, Content(text="x" * 513)))


def test_the_weight_of_a_delta_is_its_text_and_its_logprobs() -> None:
    assert size_bytes(delta(1, Content(text="abc"), CallDelta(index=0, name="f", arguments="{}"))) == 6 + 2 * PART_BYTES
    assert size_bytes(delta(1, logprobs=1)) == 2 * 33


def test_a_claimed_prompt_is_believed_up_to_the_context() -> None:
    usage = Usage(prompt=10**9, cached=10**9, completion=3)
    assert clamped(usage, 4096) == Usage(prompt=4096, cached=4096, completion=3)
    assert clamped(Usage(prompt=5, cached=2, completion=3), 4096) == Usage(prompt=5, cached=2, completion=3)


def test_a_worker_that_lies_loses_the_job_and_the_client_does_not() -> None:
    driver = Driver()
    driver.join("w1")
    driver.submit(request=REQUEST.model_copy(update={"max_tokens": 4000}))
    driver.accepts()
    driver.delta(tokens="abc")
    driver.join("w2")
    driver.delta(seq=1, tokens="x" * 1200)
    assert driver.text() == ""
    assert driver.sent(wire.Cancel)[0][0] == "w1"
    worker, start = driver.started()
    assert (worker, start.delivered) == ("w2", tuple(map(ord, "abc")))


def test_only_what_no_other_tokeniser_explains_is_far_above() -> None:
    assert not any(far_above(claim, 1000) for claim in (0, 900, 1000, 1100, 1500))
    assert far_above(1501, 1000) and far_above(10_000, 1000)
    assert not far_above(9 + 64, 9) and far_above(9 + 65, 9)  # a template with an instruction of its own


def test_parts_without_a_text_are_kept_too() -> None:
    """Before, they counted as nothing: a client that did not read made four million of them wait for it, a gigabyte."""
    empty = Content(text="")
    assert wrong(job(), lease(), delta(1, *(empty,) * wire.MAX_PARTS)) == "more text than its tokens can hold"
    assert wrong(job(), lease(), delta(1, *(empty,) * 4)) is None


def test_calls_that_were_held_back_come_at_once() -> None:
    """Each call in a few pieces, and eight tokens for each at least: its name, its marks, its braces."""
    pieces = (CallDelta(index=0, name="f"), CallDelta(index=0, arguments="{}"), CallDelta(index=0), Content(text=""))
    held = lease()
    held.tokens = 8 * 1024
    assert wrong(job(max_tokens=100_000), held, delta(0, *pieces * 1024)) is None
