"""The binding to llama.cpp, on real files."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wire.errors import ErrorCode, SupernetError
from worker.bindings.backend import log
from worker.bindings.llama import RC_NO_CELLS, Feed, Model
from worker.engine.child.sampler import Row
from worker.engine.port import EngineSpec

PROMPT = list(range(40, 90))
CLOSE = 1e-3  # of logits with a deviation of 4
NEAR = 0.03  # the same, where another number of rows was computed at once


@pytest.fixture(params=["dense", "hybrid"])
def path(request: pytest.FixtureRequest, tiny_qwen3: Path, tiny_qwen35: Path) -> Path:
    return tiny_qwen3 if request.param == "dense" else tiny_qwen35


@pytest.fixture(params=["unified", "separate"])
def model(request: pytest.FixtureRequest, path: Path) -> Iterator[Model]:
    spec = EngineSpec(str(path), slots=2, anchors=1, context=256, batch=64, unified=request.param == "unified")
    loaded = Model(spec)
    yield loaded
    loaded.close()


def fresh(model: Model, tokens: list[int]) -> Row:
    """Logits after these tokens, computed in sequence 1 without any reuse."""
    model.clear(1)
    assert model.decode([Feed(1, 0, tokens, True)]) == 0
    row: Row = model.logits()[0].copy()
    model.clear(1)
    return row


def test_rows_of_logits_come_in_the_order_of_the_feeds(model: Model) -> None:
    one, two = fresh(model, PROMPT[:20]), fresh(model, PROMPT[20:45])
    assert (
        model.decode([Feed(0, 0, PROMPT[:20], True), Feed(1, 0, PROMPT[20:45], True), Feed(2, 0, [1, 2], False)]) == 0
    )
    rows = model.logits()
    np.testing.assert_allclose(rows[0], one, atol=CLOSE)
    np.testing.assert_allclose(rows[1], two, atol=CLOSE)
    assert len(rows) == 2


def test_a_decode_without_outputs_has_no_rows(model: Model) -> None:
    assert model.decode([Feed(0, 0, [1, 2, 3], False)]) == 0
    assert model.logits().shape == (0, model.vocab.size)


def test_a_forked_sequence_goes_on_as_if_it_had_been_computed(model: Model) -> None:
    expected = fresh(model, PROMPT)
    model.decode([Feed(0, 0, PROMPT[:30], False)])
    state = model.checkpoint(0) if model.hybrid else None
    model.decode([Feed(0, 30, [1, 2, 3], True)])
    assert model.fork(0, 2, 30, state)
    assert (model.length(0), model.length(2)) == (33, 30)
    model.decode([Feed(2, 30, PROMPT[30:], True)])
    np.testing.assert_allclose(model.logits()[0], expected, atol=CLOSE)


def test_the_source_of_a_fork_goes_on_undisturbed(model: Model) -> None:
    model.decode([Feed(0, 0, PROMPT[:30], False)])
    state = model.checkpoint(0) if model.hybrid else None
    model.decode([Feed(0, 30, PROMPT[30:40], False)])
    model.fork(0, 2, 30, state)
    model.decode([Feed(2, 30, [9] * 5, True)])
    model.decode([Feed(0, 40, PROMPT[40:], True)])
    row = model.logits()[0].copy()
    np.testing.assert_allclose(row, fresh(model, PROMPT), atol=CLOSE)


def test_a_sequence_is_forked_at_its_end_without_a_saved_state(model: Model) -> None:
    expected = fresh(model, PROMPT)
    model.decode([Feed(0, 0, PROMPT[:30], False)])
    assert model.fork(0, 1, 30)
    model.decode([Feed(1, 30, PROMPT[30:], True)])
    np.testing.assert_allclose(model.logits()[0], expected, atol=CLOSE)


def test_a_sequence_is_cut_back_in_place(model: Model) -> None:
    expected = fresh(model, PROMPT)
    model.decode([Feed(0, 0, PROMPT[:30], False)])
    state = model.checkpoint(0) if model.hybrid else None
    model.decode([Feed(0, 30, [1, 2, 3, 4], False)])
    assert model.cut(0, 30, state)
    model.decode([Feed(0, 30, PROMPT[30:], True)])
    np.testing.assert_allclose(model.logits()[0], expected, atol=CLOSE)


def test_a_hybrid_sequence_cannot_be_cut_without_its_state(tiny_qwen35: Path) -> None:
    model = Model(EngineSpec(str(tiny_qwen35), slots=1, context=64, batch=64))
    model.decode([Feed(0, 0, PROMPT[:30], False)])
    assert not model.cut(0, 20)
    assert not model.cut(0, 20, b"no state at all"), "garbage is refused"
    model.clear(0)
    assert model.length(0) == 0
    model.close()


# ---- guesses: more than one row of logits a sequence, and going back


@pytest.fixture(params=["unified", "separate"])
def guessing(request: pytest.FixtureRequest, path: Path) -> Iterator[Model]:
    spec = EngineSpec(str(path), slots=3, context=256, batch=64, unified=request.param == "unified")
    loaded = Model(replace(spec, draft_rows=9, rollback=3))
    yield loaded
    loaded.close()


def test_each_guess_has_a_row_of_its_own(guessing: Model) -> None:
    expected = [fresh(guessing, PROMPT[:end]) for end in range(30, 34)]
    assert guessing.decode([Feed(0, 0, PROMPT[:29], 0), Feed(2, 0, PROMPT[:5], 1)]) == 0
    assert guessing.decode([Feed(0, 29, PROMPT[29:33], 4), Feed(2, 5, [7], 1)]) == 0
    np.testing.assert_allclose(guessing.logits()[:4], expected, atol=max(CLOSE, NEAR))


@pytest.mark.parametrize("right", range(4))
def test_what_was_guessed_wrong_leaves_no_trace(guessing: Model, right: int) -> None:
    """A second sequence keeps another number of guesses, and a third, which is forked from the first, goes on too."""
    end = 31 + right
    expected = [fresh(guessing, [*PROMPT[:end], 3, 5]), fresh(guessing, [*PROMPT[:31], 3, 5])]
    guessing.decode([Feed(0, 0, PROMPT[:30], 0), Feed(1, 0, PROMPT[:30], 0)])
    guess = PROMPT[31 : 31 + right] + [9] * (3 - right)
    guessing.decode([Feed(seq, 30, [PROMPT[30], *guess], 4) for seq in (0, 1)])
    assert right == 3 or guessing.cut(0, end)
    assert guessing.cut(1, 31)
    assert guessing.fork(0, 2, end)
    assert [guessing.length(seq) for seq in range(3)] == [end, 31, end]
    guessing.decode([Feed(0, end, [3, 5], 1), Feed(1, 31, [3, 5], 1), Feed(2, end, [3, 5], 1)])
    np.testing.assert_allclose(guessing.logits(), [*expected, expected[0]], atol=max(CLOSE, NEAR))


def test_a_hybrid_sequence_goes_back_so_far_and_no_further(tiny_qwen35: Path) -> None:
    model = Model(EngineSpec(str(tiny_qwen35), slots=1, context=64, batch=64, draft_rows=5, rollback=3))
    assert model.rollback == 3
    model.decode([Feed(0, 0, PROMPT[:10], 0)])
    model.decode([Feed(0, 10, PROMPT[10:15], 5)])
    assert not model.cut(0, 11) and model.cut(0, 12) and not model.cut(0, 11), "once a decode"
    model.close()


def test_a_full_cache_is_an_answer_and_not_the_end(tiny_qwen3: Path) -> None:
    model = Model(EngineSpec(str(tiny_qwen3), slots=1, anchors=1, context=256, batch=256))
    assert model.decode([Feed(0, 0, [5] * 200, False)]) == 0
    assert model.decode([Feed(1, 0, [6] * 100, False)]) == RC_NO_CELLS
    model.clear(0)
    assert model.decode([Feed(1, 0, [6] * 100, True)]) == 0
    model.close()


def test_a_gap_in_the_positions_is_an_error_code(tiny_qwen3: Path) -> None:
    model = Model(EngineSpec(str(tiny_qwen3), slots=1, context=128, batch=64))
    model.decode([Feed(0, 0, PROMPT, False)])
    assert model.decode([Feed(0, 70, [1], True)]) < 0
    model.close()


# ---- what would abort the process (each was seen to do so without the check)


def test_more_rows_than_a_batch_are_refused(model: Model) -> None:
    with pytest.raises(ValueError, match="65 rows"):
        model.decode([Feed(0, 0, [1] * 65, True)])
    with pytest.raises(ValueError, match="0 rows"):
        model.decode([])


def test_more_outputs_than_sequences_are_refused(model: Model) -> None:
    with pytest.raises(ValueError, match="4 outputs"):
        model.decode([Feed(0, at, [1], True) for at in range(4)])


@pytest.mark.parametrize("seq", [-1, 3])
def test_a_sequence_that_does_not_exist_is_refused(model: Model, seq: int) -> None:
    model.decode([Feed(0, 0, PROMPT, False)])
    with pytest.raises(ValueError, match="sequence"):
        model.decode([Feed(seq, 0, [1], True)])
    with pytest.raises(ValueError, match="sequence"):
        model.fork(0, seq, 10)
    with pytest.raises(ValueError, match="sequence"):
        model.clear(seq)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"slots": 60, "anchors": 5, "batch": 64}, "batch must be at least"),
        ({"devices": ("CUDA7",), "gpu_layers": -1}, "finds no GPU CUDA7 now"),
        ({"devices": ("CPU",), "gpu_layers": -1}, "finds no GPU CPU now"),
        ({"path": "/does/not/exist.gguf"}, "cannot load"),
    ],
)
def test_a_spec_that_cannot_work_says_why(tiny_qwen3: Path, wrong: dict[str, object], reason: str) -> None:
    spec = replace(EngineSpec(str(tiny_qwen3), slots=1, context=64), **wrong)  # type: ignore[arg-type]
    with pytest.raises(SupernetError, match=reason) as caught:
        Model(spec)
    assert caught.value.code is ErrorCode.MODEL_NOT_LOADED


# ---- loading


def test_loading_reports_its_progress_and_can_be_given_up(path: Path) -> None:
    spec = EngineSpec(str(path), slots=1, context=64)
    seen: list[float] = []
    Model(spec, lambda fraction: not seen.append(fraction)).close()  # type: ignore[func-returns-value]
    assert seen[-1] == 1.0
    assert seen == sorted(seen)
    with pytest.raises(SupernetError, match="cannot load"):
        Model(spec, lambda _: False)


@pytest.mark.parametrize("changes", [{"kv_type": "q8_0"}, {"flash_attention": False}, {"cpu_expert_layers": 2}])
def test_every_option_loads(path: Path, changes: dict[str, object]) -> None:
    model = Model(replace(EngineSpec(str(path), slots=1, context=64, batch=64), **changes))  # type: ignore[arg-type]
    assert model.decode([Feed(0, 0, PROMPT, True)]) == 0
    assert np.isfinite(model.logits()).all()
    model.close()


def test_experts_in_main_memory_are_read_into_it_and_not_mapped(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy to the GPU from a mapped file takes three times as long as from pinned memory, and it is copied often."""
    for experts, mode in ((0, "mmap"), (2, "none")):
        monkeypatch.setattr(log, "tap", [])
        Model(EngineSpec(str(path), slots=1, context=64, batch=64, cpu_expert_layers=experts)).close()
        assert log.tap is not None
        assert any(f"load_mode = {mode})" in line for line in log.tap)
    assert os.environ["GGML_OP_OFFLOAD_MIN_BATCH"] == "128"


def test_the_model_says_what_it_is(tiny_qwen3: Path, tiny_qwen35: Path) -> None:
    dense, hybrid = (Model(EngineSpec(str(path), slots=1, context=64)) for path in (tiny_qwen3, tiny_qwen35))
    assert (dense.hybrid, hybrid.hybrid) == (False, True)
    assert dense.context == hybrid.context == 64
    dense.close()
    hybrid.close()


def test_nothing_is_printed_while_all_goes_well(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = Model(EngineSpec(str(path), slots=1, context=64))
    model.decode([Feed(0, 0, PROMPT, True)])
    model.close()
    assert capfd.readouterr() == ("", "")
