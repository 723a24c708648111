from coordinator.cluster.protocol.answer import MOST_BYTES, TOGETHER_CHARS, Answer
from coordinator.cluster.protocol.messages import Accepted
from tests.coordinator.cluster.samples import delta
from wire.chat import CallDelta, Content, Reasoning
from wire.messages import Delta, TokenLogprob


def steps(answer: Answer) -> list[tuple[str, int]]:
    """Of each step its text and the worker's last frame of it."""
    found = [event for event in answer.events if isinstance(event, Delta)]
    return [("".join(part.text for part in one.parts if isinstance(part, Content)), one.seq) for one in found]


def test_steps_of_one_attempt_are_put_together() -> None:
    answer = Answer()
    for frame, text in enumerate("abc"):
        assert answer.add(delta(text, frame))
    assert steps(answer) == [("abc", 2)]
    assert [event.tokens for event in answer.events if isinstance(event, Delta)] == [(97, 98, 99)]


def test_those_of_two_attempts_are_not() -> None:
    answer = Answer()
    answer.add(delta("a", 0))
    answer.add(Accepted(2, 0))
    answer.add(delta("b", 0, attempt=2))
    answer.add(delta("c", 5, attempt=3))
    assert steps(answer) == [("a", 0), ("b", 0), ("c", 5)]


def test_what_is_not_the_same_stays_apart() -> None:
    answer = Answer()
    answer.add(delta("a", 0))
    answer.add(delta("b", 1, parts=(Reasoning(text="b"),)))
    answer.add(delta("c", 2, parts=(CallDelta(index=0, name="f"),)))
    answer.add(delta("d", 3).model_copy(update={"logprobs": (TokenLogprob(bytes=(100,), logprob=-1.0),)}))
    answer.add(delta("e", 4))
    answer.add(delta("", 5))
    assert len(answer.events) == 6


def test_texts_are_put_together_up_to_a_length() -> None:
    answer = Answer()
    for frame in range(3):
        answer.add(delta("x" * TOGETHER_CHARS, frame))
    assert len(answer.events) == 3


def test_a_long_answer_is_not_kept() -> None:
    answer = Answer()
    text = delta("a", parts=(Content(text="x" * 1000),))
    kept = 0
    while answer.add(text):
        kept += 1
    assert kept in range(MOST_BYTES // 1100, MOST_BYTES // 1000) and not answer.events
