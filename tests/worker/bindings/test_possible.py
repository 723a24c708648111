"""What llama.cpp would answer with an abort is refused before it is asked."""

from dataclasses import replace

import pytest

from wire.errors import ErrorCode, SupernetError
from worker.bindings.possible import check
from worker.engine.port import EngineSpec

SPEC = EngineSpec("no-file.gguf", slots=1, context=64)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"slots": 0}, "slots must be at least 1"),
        ({"context": 0}, "context must be at least 1"),
        ({"slots": 200, "anchors": 57, "batch": 512}, "at most 256"),
        ({"slots": 60, "anchors": 5, "batch": 64}, "batch must be at least"),
        ({"slots": 60, "draft_rows": 5, "batch": 64}, "batch must be at least slots, anchors and draft_rows"),
        ({"draft_rows": -1}, "may not be below 0"),
        ({"rollback": 64, "batch": 64}, "batch must be more than 1 and rollback"),
        ({"head": True}, "guesses for nothing where rollback is 0"),
        ({"gpu_layers": -1}, "none is named in devices"),
        ({"gpu_layers": -1, "devices": ("A", "B"), "split": (1,)}, "split deals to 1 GPUs"),
        ({"kv_type": "q8_0", "flash_attention": False}, "needs flash_attention"),
    ],
)
def test_what_is_impossible_is_refused_with_the_reason(wrong: dict[str, object], reason: str) -> None:
    check(SPEC)
    with pytest.raises(SupernetError, match=reason) as caught:
        check(replace(SPEC, **wrong))  # type: ignore[arg-type]
    assert caught.value.code is ErrorCode.MODEL_NOT_LOADED
