"""worker/machine/nvml.py: the sensors, on a double of NVML where no GPU can be. The cards are tested in
test_hardware.py."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from worker.engine.devices import Device
from worker.machine.description import Reading
from worker.machine.nvml import NvmlSensors

GIB = 2**30
OURS, GAME, DESKTOP = 100, 200, 300
pynvml = sys.modules["pynvml"]
RTX = Device("CUDA0", "CUDA", "RTX 4090", "gpu", 6 * GIB, 24 * GIB, "0000:01:00.0")
MIG = Device("CUDA0", "CUDA", "RTX 4090 MIG 1g.3gb", "gpu", 3 * GIB, 3 * GIB, "0000:01:00.0")
RADEON = Device("Vulkan0", "Vulkan", "RX 7900", "gpu", 20 * GIB, 24 * GIB, "0000:03:00.0")


class Nvml:
    """One card as a gaming PC has it; `silent` calls are not supported, `held` and `used` are by pid, and `slices` are
    the GiB of each instance of MIG, if it is cut up."""

    def __init__(self) -> None:
        self.silent: set[str] = set()
        self.held = {OURS: 16 * GIB, DESKTOP: GIB // 2}
        self.used = {OURS: 70, DESKTOP: 2}
        self.asked: list[int] = []
        self.started = 0
        self.slices: list[int] = []

    def __getattr__(self, name: str) -> Any:
        answers: dict[str, Any] = {
            "nvmlShutdown": None,
            "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=72, memory=10),
            "nvmlDeviceGetTemperature": 61,
            "nvmlDeviceGetPowerUsage": 287_500,
        }
        return answers[name]

    def nvmlInit(self) -> None:
        self.started += 1

    def nvmlDeviceGetHandleByPciBusId(self, place: str) -> str:
        if place != RTX.id:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return "card"

    def nvmlDeviceGetMaxMigDeviceCount(self, handle: str) -> int:
        return len(self.slices)

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: str, index: int) -> int:
        return index

    def nvmlDeviceGetMemoryInfo(self, handle: str | int) -> SimpleNamespace:
        if isinstance(handle, int):
            return SimpleNamespace(total=self.slices[handle] * GIB, free=GIB)
        return SimpleNamespace(total=24 * GIB, free=6 * GIB)

    def call(self, name: str, *args: Any) -> Any:
        if name in self.silent:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        if name.endswith("ComputeRunningProcesses"):
            return [SimpleNamespace(pid=pid, usedGpuMemory=self.held[pid]) for pid in self.held if pid != DESKTOP]
        if name.endswith("GraphicsRunningProcesses"):
            return [SimpleNamespace(pid=DESKTOP, usedGpuMemory=self.held[DESKTOP])]
        if name == "nvmlDeviceGetProcessUtilization":
            self.asked.append(args[1])
            return [SimpleNamespace(pid=pid, smUtil=busy, timeStamp=1000 + pid) for pid, busy in self.used.items()]
        found = getattr(self, name)
        return found(*args) if callable(found) else found


NAMES = (
    "nvmlInit nvmlShutdown nvmlDeviceGetHandleByPciBusId nvmlDeviceGetMaxMigDeviceCount "
    "nvmlDeviceGetMigDeviceHandleByIndex nvmlDeviceGetMemoryInfo nvmlDeviceGetUtilizationRates "
    "nvmlDeviceGetTemperature nvmlDeviceGetPowerUsage nvmlDeviceGetProcessUtilization "
    "nvmlDeviceGetComputeRunningProcesses nvmlDeviceGetGraphicsRunningProcesses"
).split()


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nvml]:
    double = Nvml()
    for name in NAMES:
        monkeypatch.setattr(pynvml, name, lambda *args, name=name: double.call(name, *args))
    yield double


def sensors(*devices: Device, own: frozenset[int] = frozenset({OURS})) -> NvmlSensors:
    return NvmlSensors(devices or (RTX,), lambda: own)


def test_a_card_tells_how_it_is_doing(nvml: Nvml) -> None:
    (reading,) = sensors().read()
    assert (reading.name, reading.memory_bytes, reading.used_bytes) == ("RTX 4090", 24 * GIB, 18 * GIB)
    assert (reading.utilisation, reading.temperature_c, reading.power_w) == (0.72, 61.0, 287.5)


def test_our_own_engine_is_no_stranger_and_a_game_is(nvml: Nvml) -> None:
    watching = sensors()
    (quiet,) = watching.read()
    assert (quiet.others_utilisation, quiet.others_bytes) == (0.02, GIB // 2)
    nvml.held[GAME], nvml.used[GAME] = 4 * GIB, 55
    (playing,) = watching.read()
    assert playing.others_utilisation == pytest.approx(0.57) and playing.others_bytes == 4 * GIB + GIB // 2
    assert nvml.asked == [0, 1000 + DESKTOP]  # only samples that are newer than those seen


def test_where_our_engine_has_another_pid_nobody_is_blamed(nvml: Nvml) -> None:
    (reading,) = sensors(own=frozenset({7})).read()
    assert (reading.others_utilisation, reading.others_bytes) == (None, None)


def test_before_our_engine_runs_everybody_is_somebody_else(nvml: Nvml) -> None:
    (reading,) = sensors(own=frozenset()).read()
    assert reading.others_bytes == 16 * GIB + GIB // 2


SENSORS = {"nvmlDeviceGetUtilizationRates", "nvmlDeviceGetTemperature", "nvmlDeviceGetPowerUsage"}
OTHERS = {name for name in NAMES if "Process" in name}


def test_what_a_card_does_not_tell_is_none(nvml: Nvml) -> None:
    nvml.silent = SENSORS | OTHERS
    assert sensors().read() == (Reading("RTX 4090", 24 * GIB, 18 * GIB, device=RTX.address),)


def test_a_card_that_shares_the_main_memory_tells_its_heat_and_who_is_on_it(nvml: Nvml) -> None:
    """GB10: NVML does not support its memory."""
    nvml.silent = {"nvmlDeviceGetMemoryInfo"}
    (reading,) = sensors(replace(RTX, kind="igpu", description="NVIDIA GB10")).read()
    assert (reading.name, reading.memory_bytes, reading.used_bytes) == ("NVIDIA GB10", 24 * GIB, None)
    assert (reading.temperature_c, reading.others_bytes) == (61.0, GIB // 2)


def test_processes_whose_share_is_not_told_still_show_their_memory(nvml: Nvml) -> None:
    nvml.silent = {"nvmlDeviceGetProcessUtilization"}
    (reading,) = sensors().read()
    assert (reading.others_utilisation, reading.others_bytes) == (None, GIB // 2)


def test_a_device_that_nvml_does_not_know_has_its_name_and_size(nvml: Nvml) -> None:
    assert sensors(RADEON, RTX).read()[0] == Reading("RX 7900", 24 * GIB, device=RADEON.address)
    nowhere = replace(RADEON, id="")
    assert sensors(nowhere).read() == (Reading("RX 7900", 24 * GIB, device="Vulkan0"),)


def test_a_slice_has_its_own_memory_and_the_heat_of_its_card(nvml: Nvml) -> None:
    nvml.slices = [12, 3]
    (reading,) = sensors(MIG).read()
    assert (reading.memory_bytes, reading.used_bytes, reading.temperature_c) == (3 * GIB, 2 * GIB, 61.0)
    assert reading.others_bytes == GIB // 2


@pytest.mark.parametrize("slices", [[3, 3, 3], []])
def test_a_slice_that_cannot_be_told_from_others_blames_nobody(nvml: Nvml, slices: list[int]) -> None:
    nvml.slices = slices
    (reading,) = sensors(MIG).read()
    assert (reading.used_bytes, reading.others_bytes, reading.others_utilisation) == (None, None, None)
    assert (reading.memory_bytes, reading.temperature_c) == (3 * GIB, 61.0)


def test_a_card_that_falls_silent_is_left_out_and_nvml_started_afresh(
    nvml: Nvml, caplog: pytest.LogCaptureFixture
) -> None:
    """A driver that was loaded anew: what the library had open answers no more. Others are read on."""
    watching = sensors(RTX, RADEON)
    assert len(watching.read()) == 2
    nvml.silent = {"nvmlDeviceGetHandleByPciBusId"}
    assert [reading.name for reading in watching.read()] == ["RX 7900"] and "CUDA0" in caplog.text
    nvml.silent = {"nvmlInit"}
    assert [reading.name for reading in watching.read()] == ["RX 7900"]
    assert len(caplog.records) == 1
    nvml.silent = set()
    assert [reading.temperature_c for reading in watching.read()] == [61.0, None] and nvml.started == 2


def test_a_missing_driver_reads_as_nothing_known(nvml: Nvml) -> None:
    nvml.silent = {"nvmlInit"}
    assert sensors().read() == (Reading("RTX 4090", 24 * GIB, device=RTX.address),)
