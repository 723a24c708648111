"""worker/machine/hardware.py: the real machine, and made-up ones: a list of ggml's devices, and a double of NVML."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from worker.bindings import probe
from worker.engine.devices import Build, Device
from worker.machine import cgroup, hardware, pci
from worker.machine.cgroup import Limits
from worker.machine.description import Card

GIB = 2**30
MIB = 2**20
pynvml = sys.modules["pynvml"]  # imported by `hardware`, which silences its warning


class Nvml:
    """NVML with three cards, each (name, total GiB, free GiB, compute capability); `broken` makes one call fail."""

    def __init__(self) -> None:
        self.cards: list[tuple[Any, float, float, tuple[int, int]]] = [
            ("A100", 80, 70, (8, 0)),
            ("RTX 4090", 24, 20, (8, 9)),
            ("RTX 3060", 12, 11, (8, 6)),
        ]
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
        self._maybe_fail("count")
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        self._maybe_fail(f"card {index}")
        return index

    def nvmlDeviceGetPciInfo(self, handle: int) -> SimpleNamespace:
        return SimpleNamespace(domain=0, bus=handle + 1, device=0)

    def nvmlDeviceGetCudaComputeCapability(self, handle: int) -> tuple[int, int]:
        return self.cards[handle][3]

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> SimpleNamespace:
        self._maybe_fail("memory")
        return SimpleNamespace(total=int(self.cards[handle][1] * GIB), free=int(self.cards[handle][2] * GIB))

    def nvmlDeviceGetName(self, handle: int) -> str:
        name = self.cards[handle][0]
        return name.decode() if isinstance(name, bytes) else name


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nvml]:
    double = Nvml()
    for name in [name for name in dir(double) if name.startswith("nvml")]:
        monkeypatch.setattr(pynvml, name, getattr(double, name))
    yield double


def cuda(number: int, name: str, total: float, free: float, bus: int, kind: Any = "gpu") -> Device:
    """As CUDA lists it: a context of its own takes half a GiB of what is free."""
    return Device(
        f"CUDA{number}", "CUDA", name, kind, int(free * GIB) - 512 * MIB, int(total * GIB), f"0000:{bus:02x}:00.0"
    )


def box(*devices: Device, archs: str = "") -> Build:
    return Build(f"CUDA : ARCHS = {archs} | " if archs else "", devices, ("cuda",), 12)


CPU = Device("CPU", "CPU", "AMD EPYC", "cpu", 64 * GIB, 64 * GIB)
ALL = (cuda(0, "A100", 80, 70, 1), cuda(1, "RTX 4090", 24, 20, 2), cuda(2, "RTX 3060", 12, 11, 3), CPU)


def test_this_machine_is_found_with_or_without_a_gpu() -> None:
    machine = hardware.detect(probe.ask())
    assert 0 < machine.available_bytes <= machine.hardware.memory_bytes <= psutil.virtual_memory().total
    assert 1 <= machine.physical_cores <= machine.hardware.cpu_cores
    assert machine.hardware.cpu
    assert machine.hardware.gpus or machine.notes


def test_every_gpu_is_told_with_its_driver_and_the_memory_that_is_free_without_a_context_of_ours(nvml: Nvml) -> None:
    machine = hardware.detect(box(*ALL))
    gpus = machine.hardware.gpus
    assert [(gpu.name, gpu.memory_bytes // GIB, gpu.free_bytes // GIB) for gpu in gpus] == [
        card[:3] for card in nvml.cards
    ]
    assert {(gpu.driver, gpu.backend, gpu.shared) for gpu in gpus} == {("580.65", "CUDA", False)}
    assert [device.name for device in machine.devices] == ["CUDA0", "CUDA1", "CUDA2"]
    assert nvml.shut == 1


def test_only_what_llama_cpp_sees_counts_whatever_nvml_lists(nvml: Nvml) -> None:
    """CUDA_VISIBLE_DEVICES, a card that CUDA lost, a container: CUDA numbers anew what is left."""
    machine = hardware.detect(box(cuda(0, "RTX 3060", 12, 11, 3)))
    assert [gpu.name for gpu in machine.hardware.gpus] == ["RTX 3060"]
    assert machine.devices[0].address == "CUDA0@0000:03:00.0"
    assert [card.name for card in machine.cards] == ["A100", "RTX 4090", "RTX 3060"]
    assert hardware.detect(box(CPU)).hardware.gpus == ()


@pytest.mark.parametrize("call", ["init", "driver", "count"])
def test_where_nvml_does_not_answer_ggml_alone_tells(nvml: Nvml, call: str) -> None:
    nvml.broken[call] = pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH
    (gpu,) = hardware.detect(box(cuda(0, "RTX 3060", 12, 11, 3))).hardware.gpus
    assert (gpu.name, gpu.memory_bytes) == ("RTX 3060", 12 * GIB)
    machine = hardware.detect(box(CPU))
    assert machine.hardware.gpus == () and (call == "driver" or "RM" in machine.notes[0])


def test_a_card_that_nvml_has_lost_shifts_no_other(nvml: Nvml) -> None:
    nvml.broken = {"card 0": pynvml.NVML_ERROR_GPU_IS_LOST, "shutdown": pynvml.NVML_ERROR_UNKNOWN}
    machine = hardware.detect(box(cuda(0, "RTX 4090", 24, 18, 2), cuda(1, "RTX 3060", 12, 9, 3)))
    assert [(gpu.name, gpu.free_bytes // GIB) for gpu in machine.hardware.gpus] == [("RTX 4090", 20), ("RTX 3060", 11)]
    assert "GPU 0" in machine.notes[0] and machine.cards[0].id == ""
    nvml.broken = {"card 0": pynvml.NVML_ERROR_NO_PERMISSION}  # another user's
    assert len(hardware.detect(box(*ALL[1:])).cards) == 2


def test_a_name_that_is_no_utf_8_stops_nobody(nvml: Nvml) -> None:
    nvml.cards[0] = (b"NVIDIA \xff\xfe", 80, 70, (8, 0))
    machine = hardware.detect(box(*ALL))
    assert machine.cards[0].name == "NVIDIA GPU" and machine.hardware.gpus[0].free_bytes == 70 * GIB


def test_a_slice_of_a_card_has_its_own_memory_and_not_the_cards(nvml: Nvml) -> None:
    mig = cuda(0, "A100-SXM4-80GB MIG 1g.10gb", 9.5, 9.5, 1)
    (gpu,) = hardware.detect(box(mig)).hardware.gpus
    assert (gpu.memory_bytes, gpu.free_bytes) == (mig.total_bytes, mig.free_bytes) and gpu.driver == "580.65"


def test_a_slice_in_a_container_is_used_although_nvml_may_not_tell_of_the_card(nvml: Nvml) -> None:
    nvml.broken["memory"] = pynvml.NVML_ERROR_NO_PERMISSION
    mig = cuda(0, "A100-SXM4-80GB MIG 1g.10gb", 9.5, 9.5, 1)
    (gpu,) = hardware.detect(box(mig)).hardware.gpus
    assert (gpu.memory_bytes, gpu.free_bytes) == (mig.total_bytes, mig.free_bytes)


def test_a_card_that_somebody_else_has_opened_for_himself_has_its_memory_by_nvml(nvml: Nvml) -> None:
    """Compute mode EXCLUSIVE_PROCESS, or full: CUDA opens no context there, and ggml says 0 of 0 bytes."""
    closed = replace(ALL[0], free_bytes=0, total_bytes=0)
    machine = hardware.detect(box(closed))
    (gpu,) = machine.hardware.gpus
    assert (gpu.memory_bytes, gpu.free_bytes) == (80 * GIB, 70 * GIB)
    nvml.broken["init"] = pynvml.NVML_ERROR_DRIVER_NOT_LOADED
    assert hardware.detect(box(closed)).devices == ()


def test_unified_memory_is_the_main_memory_within_the_limits_of_the_group(
    nvml: Nvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GB10: NVML tells no memory, CUDA the whole machine's, and the container may use 4 GiB of it."""
    nvml.cards, nvml.broken["memory"] = [("NVIDIA GB10", 0, 0, (12, 1))], pynvml.NVML_ERROR_NOT_SUPPORTED
    monkeypatch.setattr(cgroup, "limits", lambda: Limits(memory_bytes=8 * GIB, left_bytes=4 * GIB))
    (gpu,) = hardware.detect(box(cuda(0, "NVIDIA GB10", 119, 100, 1, "igpu"))).hardware.gpus
    assert gpu.shared and gpu.free_bytes == 4 * GIB and gpu.driver == "580.65"


def test_a_card_that_the_build_has_no_code_for_is_not_planned_for(nvml: Nvml) -> None:
    nvml.cards[0] = ("Tesla V100", 16, 15, (7, 0))
    devices = (cuda(0, "Tesla V100", 16, 15, 1), *ALL[1:])
    assert len(hardware.detect(box(*devices)).devices) == len(hardware.detect(box(*devices, archs="520,700")).devices)
    machine = hardware.detect(box(*devices, archs="750,800,860,890,1200"))
    assert [device.description for device in machine.devices] == ["RTX 4090", "RTX 3060"]


def test_cards_of_other_makers_are_known_from_the_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = [Card("0000:03:00.0", "AMD card at 0000:03:00.0", "AMD")]
    monkeypatch.setattr(pci, "cards", lambda: seen)
    radeon = Device("Vulkan0", "Vulkan", "AMD Radeon RX 7900", "gpu", 20 * GIB, 24 * GIB, "0000:03:00.0")
    machine = hardware.detect(Build(devices=(radeon,), backends=("vulkan",)))
    assert machine.cards == tuple(seen) and machine.notes == ()  # nobody here misses NVML
    assert (machine.hardware.gpus[0].backend, machine.hardware.gpus[0].free_bytes) == ("Vulkan", 20 * GIB)
    assert "scripts/setup --backend vulkan" in hardware.detect(Build()).notes[-1]


@pytest.mark.parametrize(
    ("release", "wsl"),
    [("5.15.153.1-microsoft-standard-WSL2", True), ("4.4.0-19041-Microsoft", True), ("6.8.0", False)],
)
def test_linux_inside_windows_is_known_by_its_kernel(
    nvml: Nvml, release: str, wsl: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There ggml's word on what is free counts: it knows what Windows gives this process, NVML does not."""
    monkeypatch.setattr("platform.release", lambda: release)
    machine = hardware.detect(box(cuda(0, "A100", 80, 60, 1)))
    assert machine.wsl == wsl
    assert machine.hardware.gpus[0].free_bytes == (60 * GIB - 512 * MIB if wsl else 70 * GIB)


def test_the_limits_of_the_control_group_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroup, "limits", lambda: Limits(2 * GIB, GIB + GIB // 4, 1.5))
    machine = hardware.detect(Build())
    assert (machine.physical_cores, machine.hardware.cpu_cores) == (1, 1)
    assert (machine.hardware.memory_bytes, machine.available_bytes) == (2 * GIB, GIB + GIB // 4)
    monkeypatch.setattr(cgroup, "limits", lambda: Limits())
    assert hardware.detect(Build()).hardware.memory_bytes == psutil.virtual_memory().total


def test_a_container_is_known_by_what_its_engine_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda self: False)
    for name in ("container", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    assert not hardware.in_container()
    monkeypatch.setenv("container", "podman")
    assert hardware.in_container()
    monkeypatch.delenv("container")
    monkeypatch.setattr(Path, "exists", lambda self: str(self) == "/.dockerenv")
    assert hardware.in_container()
