"""worker/hardware.py: the real machine, and a double of NVML where no GPU can be."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from worker import hardware

GIB = 2**30
pynvml = sys.modules["pynvml"]  # imported by `hardware`, which silences its warning


class Nvml:
    """NVML with three cards; `broken` makes one call fail."""

    def __init__(self) -> None:
        self.cards = [("A100", 80, 70), ("RTX 4090", 24, 20), ("RTX 3060", 12, 11)]
        self.broken: dict[str, int] = {}
        self.shut = 0

    def _maybe_fail(self, name: str) -> None:
        if name in self.broken:
            raise pynvml.NVMLError(self.broken[name])

    def nvmlInit(self) -> None:
        self._maybe_fail("init")

    def nvmlShutdown(self) -> None:
        self.shut += 1
        self._maybe_fail("shutdown")

    def nvmlSystemGetDriverVersion(self) -> bytes:
        self._maybe_fail("driver")
        return b"580.65"

    def nvmlDeviceGetCount(self) -> int:
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        self._maybe_fail(f"card {index}")
        return index

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> SimpleNamespace:
        return SimpleNamespace(total=self.cards[handle][1] * GIB, free=self.cards[handle][2] * GIB)

    def nvmlDeviceGetName(self, handle: int) -> str:
        return self.cards[handle][0]

    def nvmlDeviceGetUUID(self, handle: int) -> str:
        return f"GPU-{handle}{handle}{handle}"


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nvml]:
    double = Nvml()
    for name in [name for name in dir(double) if name.startswith("nvml")]:
        monkeypatch.setattr(pynvml, name, getattr(double, name))
    yield double


def names(visible: str | None) -> list[str]:
    return [gpu.name for gpu in hardware.detect(visible).hardware.gpus]


def test_this_machine_is_found_with_or_without_a_gpu() -> None:
    machine = hardware.detect()
    assert 0 < machine.available_bytes <= machine.hardware.memory_bytes <= psutil.virtual_memory().total
    assert 1 <= machine.physical_cores <= machine.hardware.cpu_cores
    assert machine.hardware.cpu
    assert machine.hardware.gpus or machine.notes


def test_every_gpu_is_told_with_its_free_memory_and_driver(nvml: Nvml) -> None:
    gpus = hardware.detect().hardware.gpus
    assert [(gpu.name, gpu.memory_bytes // GIB, gpu.free_bytes // GIB) for gpu in gpus] == nvml.cards
    assert {gpu.driver for gpu in gpus} == {"580.65"}
    assert nvml.shut == 1


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        (None, ["A100", "RTX 4090", "RTX 3060"]),
        ("2,0", ["RTX 3060", "A100"]),
        ("GPU-1", ["RTX 4090"]),
        ("1,9,0", ["RTX 4090"]),
        ("", []),
        ("-1", []),
        ("GPU-", []),
    ],
)
def test_gpus_that_are_hidden_from_cuda_do_not_count(nvml: Nvml, visible: str | None, expected: list[str]) -> None:
    assert names(visible) == expected


@pytest.mark.parametrize("call", ["init", "driver"])
def test_a_broken_driver_means_cpu_and_a_note(nvml: Nvml, call: str) -> None:
    nvml.broken[call] = pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH
    machine = hardware.detect()
    assert machine.hardware.gpus == () and "RM" in machine.notes[0]


def test_one_broken_card_leaves_the_others(nvml: Nvml) -> None:
    nvml.broken = {"card 1": pynvml.NVML_ERROR_GPU_IS_LOST, "shutdown": pynvml.NVML_ERROR_UNKNOWN}
    machine = hardware.detect()
    assert [gpu.name for gpu in machine.hardware.gpus] == ["A100", "RTX 3060"]
    assert "GPU 1" in machine.notes[0]


def test_the_limits_of_a_container_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    (tmp_path / "memory.max").write_text(f"{2 * GIB}\n")
    (tmp_path / "memory.current").write_text(f"{GIB}\n")
    (tmp_path / "memory.stat").write_text(f"anon 5\ninactive_file {GIB // 4}\n")
    monkeypatch.setattr(hardware, "CGROUP", tmp_path)
    machine = hardware.detect()
    assert (machine.physical_cores, machine.hardware.cpu_cores) == (1, 1)
    assert machine.hardware.memory_bytes == 2 * GIB
    assert machine.available_bytes == GIB + GIB // 4


def test_a_container_without_limits_has_the_whole_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("max 100000\n")
    (tmp_path / "memory.max").write_text("max\n")
    monkeypatch.setattr(hardware, "CGROUP", tmp_path)
    assert hardware.detect().hardware.memory_bytes == psutil.virtual_memory().total


@pytest.mark.parametrize(
    ("release", "wsl"),
    [("5.15.153.1-microsoft-standard-WSL2", True), ("4.4.0-19041-Microsoft", True), ("6.8.0", False)],
)
def test_linux_inside_windows_is_known_by_its_kernel(release: str, wsl: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.release", lambda: release)
    assert hardware.detect().wsl == wsl
