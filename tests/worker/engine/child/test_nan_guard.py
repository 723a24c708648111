"""worker/engine/child/nan_guard.py on a real model; what the loop makes of it is in test_loop.py."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from worker.bindings.llama import RC_NO_CELLS, Feed, Model
from worker.engine.child.nan_guard import MOST_NAN_JOBS, PROBE_ROWS, NanGuard
from worker.engine.port import EngineSpec

NANS = np.full(8, np.nan, np.float32)
RULED_OUT = np.full(8, -np.inf, np.float32)


class Ailing(Model):
    """Gives nobody numbers while `ill`, and computes nothing while `full`."""

    ill = full = False

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self.tried: list[Feed] = []

    def decode(self, feeds: Sequence[Feed]) -> int:
        self.tried += feeds
        return RC_NO_CELLS if self.full else super().decode(feeds)

    def logits(self) -> NDArray[np.float32]:
        rows = super().logits()
        return rows * np.float32(np.nan) if self.ill else rows


@pytest.fixture
def model(tiny_qwen3: Path) -> Iterator[Ailing]:
    model = Ailing(EngineSpec(path=str(tiny_qwen3), slots=2, context=512, batch=128))
    yield model
    model.close()


def after(model: Model, *rows: NDArray[np.float32] | None) -> NanGuard:
    """What came of draws, None being one that went well."""
    guard = NanGuard(model, model.decode)
    for row in rows:
        if row is None:
            guard.note_drawn()
        else:
            guard.note_failed(row, 1)
    return guard


def test_only_many_in_a_row_are_a_reason_to_try_the_model(model: Ailing) -> None:
    model.ill = True
    assert not after(model, *[NANS] * (MOST_NAN_JOBS - 1)).damaged(100)
    assert not after(model, *[NANS] * (MOST_NAN_JOBS - 1), None, NANS).damaged(100)
    assert not after(model, *[RULED_OUT] * MOST_NAN_JOBS).damaged(100), "that is the request's doing"
    assert not model.tried
    assert after(model, NANS, RULED_OUT, *[NANS] * (MOST_NAN_JOBS - 1)).damaged(100)


@pytest.mark.parametrize(("rows", "tried"), [(100, PROBE_ROWS), (9, 9)])
def test_it_is_tried_with_tokens_from_all_over_the_vocabulary(model: Ailing, rows: int, tried: int) -> None:
    guard = after(model, *[NANS] * MOST_NAN_JOBS)
    assert not guard.damaged(rows)
    (feed,) = model.tried
    assert (feed.seq, feed.start, len(feed.tokens), feed.draws) == (1, 0, tried, True)
    assert min(feed.tokens) == 0 and max(feed.tokens) >= model.vocab.size * (1 - 2 / tried)
    assert model.length(1) == 0, "the sequence is as empty as it was"
    assert not guard.damaged(rows) and len(model.tried) == 1, "it is counted anew"


def test_a_model_that_cannot_be_tried_is_not_blamed(model: Ailing) -> None:
    model.full = True
    assert not after(model, *[NANS] * MOST_NAN_JOBS).damaged(100)
