"""What is put through a model before it serves, and what is made of the time that it took."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import pytest

from tests.worker.engine.child.made_up import MadeUp, Seconds
from wire.errors import SupernetError
from worker.bindings.llama import Feed, Model
from worker.bindings.vocab import Vocab
from worker.engine.child.step_budget import WarmUpTimes
from worker.engine.child.warm import warm_up
from worker.engine.port import EngineSpec

BATCH = 512


class Noted(MadeUp):
    """Remembers how many rows of which sequence went into each decode; fails one of `breaks` rows."""

    def __init__(self, vocab: Vocab, spec: EngineSpec, seconds: Seconds, copies_from: int) -> None:
        super().__init__(vocab, spec, seconds, asynchronous=not copies_from, copies_from=copies_from)
        self.fed: list[list[int]] = []
        self.breaks = 0

    def decode(self, feeds: Sequence[Feed]) -> int:
        self.fed.append([len(feed.tokens) for feed in feeds])
        return -3 if sum(self.fed[-1]) == self.breaks else super().decode(feeds)


@pytest.fixture
def noted(tiny_qwen3: Path) -> Callable[..., Noted]:
    spec = EngineSpec(str(tiny_qwen3), slots=4, context=4096, batch=BATCH)
    return lambda seconds, copies_from=0: Noted(Vocab(spec.path), spec, seconds, copies_from)


def warm(model: Noted) -> WarmUpTimes:
    return warm_up(cast(Model, model), BATCH, 5.0, lambda: model.now)


def quick(rows: int, depth: int) -> float:
    return 0.01 + rows * 0.0001


def test_every_shape_that_serves_has_been_computed(noted: Callable[..., Noted]) -> None:
    model = noted(quick)
    warm(model)
    assert [1] in model.fed and [1, 1] in model.fed and [1, 1, 1, 1] in model.fed and [BATCH] in model.fed


def test_a_long_slice_is_timed_when_its_kernels_are_there(noted: Callable[..., Noted]) -> None:
    compiled = set()

    def seconds(rows: int, depth: int) -> float:
        first = rows not in compiled
        compiled.add(rows)
        return quick(rows, depth) + 60.0 * first

    assert warm(noted(seconds)).row_s == pytest.approx(quick(BATCH, 0) / BATCH, rel=0.1)


def test_on_a_slow_machine_no_slice_is_longer_than_a_step_may_be(noted: Callable[..., Noted]) -> None:
    model = noted(lambda rows, depth: 0.1 * rows)
    found = warm(model)
    assert max(map(sum, model.fed)) == pytest.approx(50, abs=2)
    assert found.row_s == pytest.approx(0.1, rel=0.1)


@pytest.mark.parametrize(("extra", "least"), [(0.0, 8), (0.2, 16), (2.0, 32)])
def test_the_least_slice_is_one_whose_rows_are_not_dear(noted: Callable[..., Noted], extra: float, least: int) -> None:
    assert warm(noted(lambda rows, depth: extra + 0.02 * rows)).least_rows == least


def test_where_weights_are_copied_few_rows_and_whole_batches_are_told_apart(noted: Callable[..., Noted]) -> None:
    found = warm(noted(lambda rows, depth: rows * 0.008 if rows < 32 else 7.0, copies_from=32))
    assert found.row_s == pytest.approx(0.008, rel=0.2)
    assert found.long_s == pytest.approx(7.0, rel=0.01), "though that is longer than a step may be"


def test_a_model_that_cannot_compute_a_shape_is_refused(noted: Callable[..., Noted]) -> None:
    model = noted(quick)
    model.breaks = 32
    with pytest.raises(SupernetError, match="cannot compute 32 rows"):
        warm(model)


def test_a_real_model_is_empty_afterwards(tiny_qwen35: Path) -> None:
    model = Model(EngineSpec(str(tiny_qwen35), slots=2, context=512, batch=128))
    now = iter(range(1000))
    assert warm_up(model, 128, 5.0, lambda: next(now)).least_rows == 32, "each decode takes a second there"
    assert [model.length(seq) for seq in range(2)] == [0, 0]
    model.close()


def test_of_a_hybrid_that_guesses_what_it_takes_to_save_its_state_is_told(tiny_qwen35: Path) -> None:
    spec = EngineSpec(str(tiny_qwen35), slots=1, context=256, batch=BATCH, draft_rows=63, rollback=3)
    model = Model(spec)
    found = warm_up(model, BATCH, 5.0, time.monotonic, spec.draft_rows)
    assert found.saved_s > 0
    assert [rows for rows, _ in found.passes] == [1, 2, 4, 8, 16, 32, 64]
    assert model.length(0) == 0, "nothing is left behind"
    model.close()
