"""What llama.cpp is asked for when a file is loaded."""

import re
from pathlib import Path

import pytest

from wire.errors import SupernetError
from worker.bindings.llama import Model
from worker.bindings.loaded import Loaded, _overrides
from worker.engine.port import EngineSpec


def test_there_is_always_an_override_so_that_nothing_is_kept_four_times_on_several_gpus() -> None:
    """llama-context.cpp asks whether the first pattern is there (has_tensor_overrides) before it doubles its inputs."""
    for layers in (0, 3):
        patterns = [override.pattern for override in _overrides(layers)]
        assert patterns[0] and patterns[-1] is None and len(patterns) == max(layers, 1) + 1
        for tensor in (b"blk.0.ffn_up_exps.weight", b"blk.3.ffn_up_exps.weight", b"output.weight"):
            moved = any(re.search(pattern, tensor) for pattern in patterns[:-1])
            assert moved == (layers > 0 and tensor.startswith(b"blk.0."))


def test_layers_are_dealt_to_as_many_gpus_as_there_are(tiny_qwen3: Path) -> None:
    with pytest.raises(SupernetError, match="split deals to 2 GPUs"):
        Model(
            EngineSpec(
                str(tiny_qwen3), slots=1, context=64, gpu_layers=-1, devices=("CUDA0", "CUDA1", "CUDA2"), split=(3, 2)
            )
        )


def test_a_head_is_loaded_only_where_it_is_asked_for(tiny_mtp: Path) -> None:
    for head in (False, True):
        loaded = Loaded(EngineSpec(str(tiny_mtp), slots=1, context=64, batch=16, rollback=1, head=head), lambda _: True)
        assert bool(loaded.head) is head
        loaded.close()
