"""llama.cpp as a library, before any model."""

from pathlib import Path

import pytest

from wire.errors import ErrorCode, SupernetError
from worker.bindings import backend
from worker.bindings.backend import supports_gpu_offload, system_info
from worker.bindings.llama import Model
from worker.engine.devices import Device
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


def test_every_device_of_the_build_is_listed_the_cpu_too() -> None:
    listed = backend.devices()
    assert [device.kind for device in listed if device.name == "CPU"] == ["cpu"]
    assert all(device.description and device.backend for device in listed)


def test_a_device_that_is_not_there_is_refused_with_what_the_driver_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "start_backend", lambda: ("a warning", "failed to initialize CUDA: unknown error"))
    for address in ("CUDA0", "CUDA0@0000:01:00.0", "CPU"):
        with pytest.raises(SupernetError, match=r"finds no GPU .* now: failed to initialize CUDA") as gone:
            backend.chosen_devices([address])
        assert gone.value.code is ErrorCode.MODEL_NOT_LOADED


def test_another_card_under_the_same_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first card is lost, and the second is CUDA0 now."""
    second = Device("CUDA0", "CUDA", "RTX 3060", "gpu", id="0000:02:00.0")
    monkeypatch.setattr(backend, "_handles", lambda: {"CUDA0": 42})
    monkeypatch.setattr(backend, "_device", lambda handle: second)
    with pytest.raises(SupernetError, match=r"0000:02:00.0 now, not the one at 0000:01:00.0"):
        backend.chosen_devices(["CUDA0@0000:01:00.0"])
    for address in ("CUDA0@0000:02:00.0", "CUDA0"):
        assert list(backend.chosen_devices([address])) == [42, None]


def test_no_device_is_a_list_too_and_keeps_everything_on_the_cpu() -> None:
    assert list(backend.chosen_devices(())) == [None]
