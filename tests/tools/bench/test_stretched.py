"""The slow double of a tiny hybrid says what that says, and its head, if it has one, guesses what that guesses."""

from pathlib import Path

import numpy as np
import pytest

from tools.bench.drafts.stretched import LAYERS, write_stretched
from worker.bindings.llama import Feed, Model
from worker.engine.port import EngineSpec

TEXT = "<|im_start|>user\nWhat is the weather in Seattle?<|im_end|>\n<|im_start|>assistant\n<think>\n"


@pytest.mark.parametrize("head", [True, False])
def test_it_says_and_guesses_the_same_with_ten_times_the_layers(
    head: bool, tmp_path: Path, tiny_mtp: Path, tiny_copies: Path
) -> None:
    tiny, found = tiny_mtp if head else tiny_copies, []
    write_stretched(tmp_path / "stretched.gguf", tiny)
    for path in (tiny, tmp_path / "stretched.gguf"):
        model = Model(EngineSpec(str(path), slots=1, context=128, batch=64, rollback=3, draft_rows=3, head=head))
        tokens = model.vocab.tokenize(TEXT)
        model.decode([Feed(0, 0, tokens, 1)])
        row = model.logits()[0].copy()
        found.append((row, model.guess({0: int(row.argmax())}, {0: 3})[0] if head else []))
        model.close()
    (row, guesses), (other, its) = found
    np.testing.assert_allclose(row, other, atol=0.01)
    assert guesses == its
    assert LAYERS == 40
