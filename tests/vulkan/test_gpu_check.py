"""What scripts/gpu_check needs a GPU for: it is found, its memory is told beside the plan, cells are held on it.

Its comparison of logits and its speeds read prompts of hundreds of tokens, which takes lavapipe many minutes: what is
computed is held against the CPU in test_offload.py.
"""

from pathlib import Path

import pytest

from tests.vulkan.offloaded import GPU
from tools.gpu_check import loaded, memory
from tools.gpu_check.random_model import TINY, write
from tools.gpu_check.sections import Wanted, device
from worker.engine.port import EngineSpec
from worker.planning.explain import MIB, Line


def test_the_gpu_is_found(tmp_path: Path) -> None:
    said = list(device(Wanted(tiny=True, cpu=False, peer=None, pairs=1, folder=tmp_path)))
    assert said[0].startswith("- GPU: llvmpipe")


def test_a_layout_is_loaded_and_measured_on_the_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaded, "PATIENCE_S", 1200.0)  # kernels are compiled on the CPU
    path = tmp_path / "tiny.gguf"
    write(path, TINY)
    spec = EngineSpec(str(path), slots=6, context=256, batch=64, gpu_layers=-1, devices=(GPU,), unified=False)
    found = loaded.ask(spec, (60, 200))
    assert set(found.steps) == {60, 200} and len(found.first) == 3
    assert "| gpu | cache | 9.0 | " in memory.table([Line("cache", "gpu", 9 * MIB, "")], found.log, {GPU})
    assert memory.taken(found.log)["cache", GPU] > 0
