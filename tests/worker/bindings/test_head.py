"""The prediction head on a real file: what it guesses depends on the text alone, however the text came to be there."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wire.errors import ErrorCode, SupernetError
from worker.bindings.head import Head
from worker.bindings.llama import Feed, Model
from worker.bindings.trail import MOST
from worker.engine.port import EngineSpec

TEXT = "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n<think>\nThe user wants"
GUESSES = 3


def spec_of(path: Path, unified: bool = True) -> EngineSpec:
    shape = EngineSpec(str(path), slots=2, anchors=2, context=256, batch=64, rollback=3, draft_rows=6, head=True)
    return replace(shape, unified=unified)


@pytest.fixture(params=["unified", "separate"])
def model(request: pytest.FixtureRequest, tiny_mtp: Path) -> Iterator[Model]:
    loaded = Model(spec_of(tiny_mtp, unified=request.param == "unified"))
    yield loaded
    loaded.close()


def guess(model: Model, seq: int, last: int) -> list[int]:
    return model.guess({seq: last}, {seq: GUESSES})[seq]


def afresh(model: Model, tokens: list[int], last: int) -> list[int]:
    """What is guessed behind a text that was read at once."""
    model.clear(3)
    assert model.decode([Feed(3, 0, tokens, 1)]) == 0
    model.logits()
    found = guess(model, 3, last)
    model.clear(3)
    return found


def test_it_guesses_what_the_model_says(model: Model) -> None:
    tokens, right = model.vocab.tokenize(TEXT), 0
    model.decode([Feed(0, 0, tokens, 1)])
    last = int(model.logits()[0].argmax())
    for _ in range(20):
        guesses = guess(model, 0, last)
        assert len(guesses) == GUESSES
        model.decode([Feed(0, len(tokens), [last], 1)])
        tokens.append(last)
        last = int(model.logits()[0].argmax())
        right += guesses[0] == last
    assert right >= 14


def test_all_sequences_are_guessed_at_once_each_as_by_itself(model: Model) -> None:
    tokens = model.vocab.tokenize(TEXT)
    one, other = tokens[:12], tokens[5:]
    expected = {0: afresh(model, one, 7), 1: afresh(model, other, 9)}
    model.decode([Feed(0, 0, one, 1), Feed(1, 0, other, 1)])
    model.logits()
    assert model.guess({0: 7, 1: 9}, {0: 3, 1: 1}) == {0: expected[0], 1: expected[1][:1]}


def test_a_text_in_pieces_is_guessed_as_one_that_came_at_once(model: Model) -> None:
    tokens = model.vocab.tokenize(TEXT)
    expected = afresh(model, tokens, 7)
    model.decode([Feed(0, 0, tokens[:10], 0)])
    model.decode([Feed(0, 10, tokens[10:11], 1)])
    model.decode([Feed(0, 11, tokens[11:], 1)])
    model.logits()
    assert guess(model, 0, 7) == expected


def test_what_was_refused_leaves_nothing_behind(model: Model) -> None:
    tokens = model.vocab.tokenize(TEXT)
    expected = afresh(model, [*tokens, 7, 8], 9)
    model.decode([Feed(0, 0, tokens, 1)])
    model.logits()
    guess(model, 0, 7)
    model.decode([Feed(0, len(tokens), [7, 8, 30, 31], 4)])
    model.logits()
    assert model.cut(0, len(tokens) + 2)
    assert guess(model, 0, 9) == expected


def test_a_guess_of_which_nothing_came_is_forgotten(model: Model) -> None:
    tokens = model.vocab.tokenize(TEXT)
    expected = afresh(model, tokens, 7)
    model.decode([Feed(0, 0, tokens, 1)])
    model.logits()
    guess(model, 0, 50)
    assert guess(model, 0, 7) == expected


def test_a_fork_is_guessed_as_its_source_and_both_go_on_alone(model: Model) -> None:
    tokens = model.vocab.tokenize(TEXT)
    expected = afresh(model, tokens, 7)
    model.decode([Feed(0, 0, tokens, 1)])
    model.logits()
    assert model.fork(0, 1, len(tokens))
    model.decode([Feed(1, len(tokens), [40, 41], 1)])
    assert guess(model, 0, 7) == expected
    model.decode([Feed(0, len(tokens), [7], 1)])
    assert model.fork(1, 2, len(tokens) + 2)
    assert guess(model, 2, 9) == afresh(model, [*tokens, 40, 41], 9)


def test_behind_a_prefix_that_was_saved_it_guesses_without_the_state_that_nobody_saved(model: Model) -> None:
    tokens = model.vocab.tokenize(TEXT)
    model.decode([Feed(0, 0, tokens[:20], 0)])
    state = model.checkpoint(0)
    model.decode([Feed(0, 20, [3, 4, 5], 1)])
    model.logits()
    assert model.fork(0, 1, 20, state)
    model.decode([Feed(1, 20, tokens[20:], 1)])
    model.logits()
    assert guess(model, 1, 7)[0] == afresh(model, tokens, 7)[0]


def test_a_stream_that_was_not_guessed_for_long_is_guessed_again(model: Model) -> None:
    tokens = model.vocab.tokenize(TEXT)
    model.decode([Feed(0, 0, tokens, 1)])
    for step in range(2 * MOST):
        last = int(model.logits()[0].argmax())
        model.decode([Feed(0, len(tokens) + step, [last], 1)])
    assert len(guess(model, 0, int(model.logits()[0].argmax()))) == GUESSES


def test_where_the_head_has_no_room_nothing_is_guessed_and_the_model_goes_on(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = model.vocab.tokenize(TEXT)
    expected = afresh(model, [*tokens, 7, 8], 9)
    model.decode([Feed(0, 0, tokens, 1)])
    model.logits()
    with monkeypatch.context() as broken:
        broken.setattr(Head, "_drawn", lambda *_: pytest.fail("nothing was computed"))
        broken.setattr("worker.bindings.head.lib.llama_decode", lambda *_: 1)
        assert model.guess({0: 7}, {0: GUESSES}) == {0: []}
    model.decode([Feed(0, len(tokens), [7, 8], 1)])
    assert model.logits().shape == (1, model.vocab.size)
    assert len(guess(model, 0, 9)) == GUESSES == len(expected)


def test_logits_are_those_of_a_model_without_its_head(model: Model, tiny_mtp: Path) -> None:
    plain = Model(EngineSpec(str(tiny_mtp), slots=2, context=256, batch=64))
    tokens = plain.vocab.tokenize(TEXT)
    rows = []
    for one in (model, plain):
        one.decode([Feed(0, 0, tokens, 1)])
        rows.append(one.logits().copy())
    plain.close()
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-3)


def test_a_file_without_a_head_is_refused(tiny_sight: tuple[Path, Path]) -> None:
    with pytest.raises(SupernetError) as caught:
        Model(spec_of(tiny_sight[0]))
    assert caught.value.code == ErrorCode.MODEL_NOT_LOADED
    assert "prediction head" in caught.value.message


def test_a_model_without_a_head_guesses_nothing(tiny_mtp: Path) -> None:
    plain = Model(EngineSpec(str(tiny_mtp), slots=1, context=64, batch=16))
    assert not plain.foresees
    with pytest.raises(ValueError, match="without a prediction head"):
        plain.guess({0: 1}, {0: 1})
    plain.close()
