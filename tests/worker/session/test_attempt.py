"""One attempt: numbering, what waits for an acknowledgement, and the table of states."""

import pytest

from wire.chat import ChatRequest, Content, Message, Timings, Usage
from wire.guesses import Guesses
from wire.job_state import IllegalTransition, JobMessage, JobState
from wire.messages import Done
from worker.engine.port import Guessed, JobUsage, Token
from worker.session.attempt import Attempt
from worker.session.chat_task import ChatTask
from worker.session.slots import JobKey

REQUEST = ChatRequest(messages=(Message(role="user", content="hi"),), max_tokens=10)


def running() -> Attempt[ChatTask]:
    attempt = Attempt(JobKey("a", 2), "m", ChatTask(REQUEST, 1, ()))
    attempt.step(JobMessage.ACCEPTED)
    return attempt


def token(id: int, logprob: float | None = None) -> Token:
    return Token("a.2", id, b"\xc3", logprob, ((b"x", -1.0),) if logprob is not None else ())


def done(attempt: Attempt[ChatTask]) -> Done:
    usage = Usage(prompt=1, completion=1)
    return Done(job="a", attempt=2, seq=attempt.next_seq, finish_reason="stop", usage=usage)


def test_deltas_are_numbered_and_kept_until_they_are_acknowledged() -> None:
    attempt = running()
    first, second = attempt.delta(token(7), []), attempt.delta(None, [Content(text="x")])
    assert (first.seq, first.tokens, second.seq, second.tokens) == (0, (7,), 1, ())
    assert (first.job, first.attempt) == ("a", 2)
    assert attempt.unacked_tokens == 1
    attempt.acknowledge(1)
    assert list(attempt.unacked) == [second] and attempt.unacked_tokens == 0


def test_acknowledging_what_is_gone_or_not_yet_made_does_no_harm() -> None:
    attempt = running()
    attempt.delta(token(7), [])
    attempt.acknowledge(99)
    attempt.acknowledge(0)
    assert not attempt.unacked and attempt.next_seq == 1 and attempt.unacked_tokens == 0


def test_logprobs_travel_as_bytes_because_a_token_may_be_half_a_character() -> None:
    logprob = running().delta(token(7, -0.5), []).logprobs[0]
    assert (logprob.bytes, logprob.logprob, logprob.top) == ((0xC3,), -0.5, (((0x78,), -1.0),))


def test_what_cannot_be_put_on_the_wire_is_not_kept_for_replay() -> None:
    attempt = running()
    with pytest.raises(ValueError, match="surrogates"):
        attempt.delta(token(7), [Content(text="a\ud800")])
    assert (attempt.next_seq, attempt.unacked_tokens, list(attempt.unacked)) == (0, 0, [])


def test_nothing_follows_an_end() -> None:
    attempt = running()
    attempt.end(done(attempt))
    assert attempt.ended and attempt.state is JobState.DONE
    with pytest.raises(IllegalTransition):
        attempt.delta(token(7), [])
    with pytest.raises(IllegalTransition):
        attempt.end(done(attempt))


def test_timings_are_the_engines() -> None:
    guessed = Guessed("lookup", 9, 5)
    spent = JobUsage(completion=7, queued_ms=1, prefill_ms=2, decode_ms=3, steps=2, guesses=(guessed,))
    told = Guesses(source="lookup", drafted=9, accepted=5)
    expected = Timings(queued_ms=1, prefill_ms=2, decode_ms=3, completion=7, steps=2, guesses=(told,))
    assert running().done("stop", spent).timings == expected
