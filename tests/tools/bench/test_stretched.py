"""The slow double of the tiny hybrid says what that says, and its head guesses what that guesses."""

from pathlib import Path

import numpy as np
import pytest

from tools.bench.drafts.stretched import LAYERS, write_stretched
from worker.bindings.llama import Feed, Model
from worker.engine.port import EngineSpec

TEXT = "<|im_start|>user\nWhat is the weather in Seattle?<|im_end|>\n<|im_start|>assistant\n<think>\n"


@pytest.fixture(scope="module")
def stretched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stretched") / "stretched.gguf"
    write_stretched(path)
    return path


def test_it_says_and_guesses_the_same_with_ten_times_the_layers(stretched: Path, tiny_mtp: Path) -> None:
    found = []
    for path in (tiny_mtp, stretched):
        model = Model(EngineSpec(str(path), slots=1, context=128, batch=64, rollback=3, draft_rows=3, head=True))
        tokens = model.vocab.tokenize(TEXT)
        model.decode([Feed(0, 0, tokens, 1)])
        row = model.logits()[0].copy()
        found.append((row, model.guess({0: int(row.argmax())}, {0: 3})[0]))
        model.close()
    (row, guesses), (other, its) = found
    np.testing.assert_allclose(row, other, atol=0.01)
    assert guesses == its
    assert LAYERS == 40
