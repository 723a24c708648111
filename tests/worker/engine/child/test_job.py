"""One job: drawing its tokens, ending its answer, refusing what cannot be served."""

import numpy as np
import pytest

from wire.chat import Sampling
from wire.errors import ErrorCode
from worker.engine.child.job import Job, refusal
from worker.engine.child.sampler import Sampler
from worker.engine.constraint import ReasoningLimit
from worker.engine.port import Placed, Submit


def test_the_draws_of_an_answer_are_those_of_its_seed_in_their_order() -> None:
    row = np.zeros(1000, np.float32)
    job = Job(submit(delivered=(7, 8), seed=3), 50, 1, 0.0)
    drawn = [token for _ in range(20) for token in job.draw(row.copy(), frozenset())]
    reference = Sampler(Sampling(), 3, ())
    assert [token.token for token in drawn] == [reference.draw(row, index) for index in range(2, 22)]


def submit(**changes: object) -> Submit:
    fields: dict[str, object] = {"job": "a", "prompt": (1, 2, 3), "max_tokens": 5, "sampling": Sampling(), "seed": 1}
    return Submit(**(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "code", "reason"),
    [
        ({"prompt": ()}, ErrorCode.INVALID_REQUEST, "a prompt"),
        ({"max_tokens": 0}, ErrorCode.INVALID_REQUEST, "max_tokens"),
        ({"prompt": (1, 100)}, ErrorCode.INVALID_REQUEST, "prompt has a token outside 0 to 99"),
        ({"prompt": (-1,)}, ErrorCode.INVALID_REQUEST, "prompt has a token"),
        ({"delivered": (100,)}, ErrorCode.INVALID_REQUEST, "delivered has a token"),
        ({"sampling": Sampling(logit_bias=((100, 1.0),))}, ErrorCode.INVALID_REQUEST, "logit_bias has a token"),
        ({"reasoning": ReasoningLimit(1, 1, 2, (), True)}, ErrorCode.INVALID_REQUEST, "close"),
        ({"reasoning": ReasoningLimit(1, 1, 2, (100,), True)}, ErrorCode.INVALID_REQUEST, "close"),
        ({"prompt": (1,) * 64}, ErrorCode.CONTEXT_LENGTH_EXCEEDED, "64 tokens"),
    ],
)
def test_what_cannot_be_served_is_refused_with_a_reason(
    changes: dict[str, object], code: ErrorCode, reason: str
) -> None:
    error = refusal(submit(**changes), vocab=100, context=64, image_tokens=64)
    assert error
    assert error.code is code
    assert reason in error.message


def test_what_can_be_served_is_not_refused() -> None:
    bias = Sampling(logit_bias=((0, 1.0), (99, -1.0)))
    assert (
        refusal(
            submit(prompt=(0, 99) * 31 + (1,), sampling=bias, reasoning=ReasoningLimit(1, 90, 91, (92, 91), True)),
            vocab=100,
            context=64,
            image_tokens=64,
        )
        is None
    )


def test_the_way_to_the_next_checkpoint_is_counted_from_what_the_cache_holds() -> None:
    job = Job(submit(prompt=tuple(range(50))), 5, 1, 0.0)
    job.checkpoints_at = (10, 40)
    seen = []
    for job.computed in (0, 9, 10, 39, 40):
        seen.append(job.until_cut)
    assert seen == [10, 1, 30, 1, 0]


def test_a_slice_ends_at_the_next_checkpoint_or_edge_of_a_picture() -> None:
    job = Job(submit(prompt=tuple(range(50)), pictures=(Placed(20, 2, 5, "cat"),)), 5, 1, 0.0)
    job.checkpoints_at = (10, 40)
    seen = []
    for job.computed in (0, 9, 10, 20, 25, 30, 40):
        seen.append(job.until_cut)
    assert seen == [10, 1, 10, 10, 5, 10, 0]


def test_the_rows_of_a_picture_are_no_words_to_repeat() -> None:
    """They would fill the window that repetition_penalty looks at, and the text before it were free to come again."""
    pictures = (Placed(5, 7, 10, "cat"),)
    cautious = Sampling(temperature=0, repetition_penalty=2.0)
    job = Job(submit(prompt=(7,) * 5 + (9,) * 70 + (8,), pictures=pictures, sampling=cautious), 5, 1, 0.0)
    row = np.zeros(100, np.float32)
    row[[7, 9]] = 1.0, 0.9
    assert job.draw(row, frozenset())[0].token == 9
