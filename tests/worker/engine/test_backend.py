"""llama.cpp as a library, before any model."""

from pathlib import Path

import pytest

from worker.engine import backend
from worker.engine.backend import supports_gpu_offload, system_info
from worker.engine.llama import Model
from worker.engine.port import EngineSpec


def test_who_listens_hears_what_llama_cpp_says_while_it_loads(
    tiny_qwen3: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = list[str]()
    monkeypatch.setattr(backend.log, "tap", heard)
    Model(EngineSpec(str(tiny_qwen3), slots=1, context=64)).close()
    assert any("load_tensors" in line for line in heard)


def test_the_build_describes_itself() -> None:
    assert "CPU" in system_info()
    assert supports_gpu_offload() in (True, False)
