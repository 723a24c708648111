"""worker/nvml.py: the sensors, on a double of NVML where no GPU can be. The cards are tested in test_hardware.py."""

import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from worker.nvml import NvmlSensors

GIB = 2**30
OURS, GAME, DESKTOP = 100, 200, 300
pynvml = sys.modules["pynvml"]


class Nvml:
    """One card as a gaming PC has it; `silent` calls are not supported, `held` and `used` are by pid."""

    def __init__(self) -> None:
        self.silent: set[str] = set()
        self.held = {OURS: 16 * GIB, DESKTOP: GIB // 2}
        self.used = {OURS: 70, DESKTOP: 2}
        self.asked: list[int] = []

    def __getattr__(self, name: str) -> Any:
        answers: dict[str, Any] = {
            "nvmlInit": None,
            "nvmlDeviceGetCount": 1,
            "nvmlDeviceGetHandleByIndex": 0,
            "nvmlDeviceGetUUID": "GPU-0",
            "nvmlDeviceGetName": "RTX 4090",
            "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=24 * GIB, free=6 * GIB),
            "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=72, memory=10),
            "nvmlDeviceGetTemperature": 61,
            "nvmlDeviceGetPowerUsage": 287_500,
        }
        return answers[name]

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
        return getattr(self, name)


NAMES = (
    "nvmlInit nvmlDeviceGetCount nvmlDeviceGetHandleByIndex nvmlDeviceGetUUID nvmlDeviceGetName "
    "nvmlDeviceGetMemoryInfo nvmlDeviceGetUtilizationRates nvmlDeviceGetTemperature "
    "nvmlDeviceGetPowerUsage nvmlDeviceGetProcessUtilization "
    "nvmlDeviceGetComputeRunningProcesses nvmlDeviceGetGraphicsRunningProcesses"
).split()


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nvml]:
    double = Nvml()
    for name in NAMES:
        monkeypatch.setattr(pynvml, name, lambda *args, name=name: double.call(name, *args))
    yield double


def sensors(visible: str | None = None, own: frozenset[int] = frozenset({OURS})) -> NvmlSensors:
    return NvmlSensors(visible, lambda: own)


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


def test_what_a_card_does_not_tell_is_none(nvml: Nvml) -> None:
    nvml.silent = {name for name in NAMES if name not in ("nvmlInit",)} - {
        "nvmlDeviceGetCount", "nvmlDeviceGetHandleByIndex", "nvmlDeviceGetMemoryInfo", "nvmlDeviceGetUUID"
    }  # fmt: skip
    (reading,) = sensors().read()
    assert reading.used_bytes == 18 * GIB
    told = (
        reading.utilisation,
        reading.temperature_c,
        reading.power_w,
        reading.others_utilisation,
        reading.others_bytes,
    )
    assert told == (None,) * 5


def test_processes_whose_share_is_not_told_still_show_their_memory(nvml: Nvml) -> None:
    nvml.silent = {"nvmlDeviceGetProcessUtilization"}
    (reading,) = sensors().read()
    assert (reading.others_utilisation, reading.others_bytes) == (None, GIB // 2)


def test_a_hidden_or_lost_card_and_a_missing_driver_read_as_nothing(nvml: Nvml) -> None:
    assert sensors(visible="1").read() == ()
    nvml.silent = {"nvmlDeviceGetMemoryInfo"}
    assert sensors().read() == ()
    nvml.silent = {"nvmlInit"}
    assert sensors().read() == ()
