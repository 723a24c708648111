"""NVIDIA's management library: which cards there are, and how they are doing. The only file that knows pynvml."""

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from worker.engine.devices import Device
from worker.machine.description import Card, Reading

with warnings.catch_warnings():
    # The pynvml package is a shell around nvidia-ml-py that says so on import; the module is the same.
    warnings.simplefilter("ignore", FutureWarning)
    import pynvml

log = logging.getLogger("supernet.nvml")

T = TypeVar("T")
Own = Callable[[], frozenset[int]]  # pids of this worker's engines
SLICE = 0.9  # of a card's memory: a device with less than this share is a slice of it (MIG)


def cards(notes: list[str]) -> list[Card]:
    """Return what NVML tells of each card. A missing driver, or a card that does not answer, becomes a note."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        notes.append(f"the NVIDIA driver does not answer: {error}; `nvidia-smi` should work where there is such a GPU")
        return []
    try:
        driver = _text(_maybe(pynvml.nvmlSystemGetDriverVersion) or "unknown")
        found = []
        for index in range(pynvml.nvmlDeviceGetCount()):
            try:
                found.append(_card(pynvml.nvmlDeviceGetHandleByIndex(index), driver))
            except pynvml.NVMLError as error:
                notes.append(f"GPU {index} is left out: {error}")
                if error.value == pynvml.NVML_ERROR_GPU_IS_LOST:  # not one of another user's, which is forbidden
                    found.append(Card("", f"GPU {index} of NVML (lost)", driver=driver))
        return found
    except pynvml.NVMLError as error:
        notes.append(f"the NVIDIA driver does not answer: {error}")
        return []
    finally:
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def _card(handle: Any, driver: str) -> Card:
    """Raises NVMLError for a card that does not even tell its address. Memory is not told where it is the main memory
    (GB10, Jetson), nor to a container that was given a slice of the card."""
    place = pynvml.nvmlDeviceGetPciInfo(handle)
    memory = _maybe(pynvml.nvmlDeviceGetMemoryInfo, handle)
    capability = _maybe(pynvml.nvmlDeviceGetCudaComputeCapability, handle)
    return Card(
        id=f"{place.domain:04x}:{place.bus:02x}:{place.device:02x}.0",  # as CUDA and Vulkan write it
        name=_text(_maybe(pynvml.nvmlDeviceGetName, handle) or "NVIDIA GPU"),
        driver=driver,
        capability=None if capability is None else (int(capability[0]), int(capability[1])),
        total_bytes=0 if memory is None else int(memory.total),
        free_bytes=0 if memory is None else int(memory.free),
    )


class Sensors(Protocol):
    """Reads temperature, power and use of this worker's GPUs. `read` may block for as long as a driver takes."""

    def read(self) -> tuple[Reading, ...]: ...


class NvmlSensors:
    """Sensors of the devices that the model is on, by NVML. Best effort: a value that a card does not tell is None, and
    so is every one of a device that NVML never knew; a card that has fallen silent is left out, until it answers."""

    def __init__(self, devices: Sequence[Device], own: Own) -> None:
        self._devices = devices
        self._own = own
        self._ready = False
        self._told: set[str] = set()  # devices that have answered once
        self._silent = False
        self._asked: dict[str, int] = {}  # per device: time stamp of the last sample of processes that was read

    def read(self) -> tuple[Reading, ...]:
        """Read every card. One that never answered reads as unknown, one that has fallen silent is left out."""
        self._ready = self._ready or self._start()
        readings, silent = [], []
        for device in self._devices:
            reading = self._reading(device) if self._ready else None
            if reading is not None:
                self._told.add(device.address)
                readings.append(reading)
            elif device.address in self._told:
                silent.append(device)
            else:
                readings.append(Reading(device.description or device.name, device.total_bytes, device=device.address))
        if silent and not self._silent:
            log.warning("NVML does not answer for %s any more: its heat and other use are not seen", silent[0].name)
        if silent and self._ready:  # a driver that was loaded anew answers only whoever starts afresh
            self._ready = False
            _maybe(pynvml.nvmlShutdown)
        self._silent = bool(silent)
        return tuple(readings)

    @staticmethod
    def _start() -> bool:
        try:
            pynvml.nvmlInit()  # for as long as it answers
        except pynvml.NVMLError:
            return False
        return True

    def _reading(self, device: Device) -> Reading | None:
        card = _maybe(pynvml.nvmlDeviceGetHandleByPciBusId, device.id) if device.id else None
        if card is None:
            return None
        part = _part(card, device)  # memory and processes are its own, heat and power the card's
        memory = None if part is None else _maybe(pynvml.nvmlDeviceGetMemoryInfo, part)
        rates = _maybe(pynvml.nvmlDeviceGetUtilizationRates, card)
        temperature = _maybe(pynvml.nvmlDeviceGetTemperature, card, pynvml.NVML_TEMPERATURE_GPU)
        power = _maybe(pynvml.nvmlDeviceGetPowerUsage, card)  # milliwatts
        if memory is None and temperature is None and power is None:
            return None
        utilisation, held = (None, None) if part is None else self._others(device.address, part)
        return Reading(
            name=device.description or device.name,
            memory_bytes=device.total_bytes if memory is None else int(memory.total),
            used_bytes=None if memory is None else int(memory.total - memory.free),
            utilisation=None if rates is None else rates.gpu / 100,
            temperature_c=None if temperature is None else float(temperature),
            power_w=None if power is None else power / 1000,
            others_utilisation=utilisation,
            others_bytes=held,
            device=device.address,
        )

    def _others(self, device: str, handle: Any) -> tuple[float | None, int | None]:
        """What processes that are not ours use. (None, None) where they cannot be told apart: in a container NVML
        speaks of the host's pids, and there our own engine would look like a stranger."""
        compute = _maybe(pynvml.nvmlDeviceGetComputeRunningProcesses, handle)
        graphics = _maybe(pynvml.nvmlDeviceGetGraphicsRunningProcesses, handle) or []
        if compute is None:
            return None, None
        own, running = self._own(), {int(process.pid): process for process in [*compute, *graphics]}
        if own and not own & running.keys():
            return None, None
        held = sum(int(p.usedGpuMemory or 0) for pid, p in running.items() if pid not in own)
        samples = _maybe(pynvml.nvmlDeviceGetProcessUtilization, handle, self._asked.get(device, 0))
        if samples is None:  # also when there was nothing to sample
            return None if running.keys() - own else 0.0, held
        self._asked[device] = max((int(s.timeStamp) for s in samples), default=self._asked.get(device, 0))
        most: dict[int, int] = {}
        for sample in samples:
            if sample.pid and sample.pid not in own and sample.smUtil <= 100:
                most[sample.pid] = max(most.get(sample.pid, 0), int(sample.smUtil))
        return min(1.0, sum(most.values()) / 100), held


def _part(card: Any, device: Device) -> Any | None:
    """What of the card the device is: all of it, or the slice (MIG) of its size; None: which one cannot be told."""
    whole = _maybe(pynvml.nvmlDeviceGetMemoryInfo, card)
    if whole is not None and device.total_bytes >= SLICE * whole.total:
        return card
    slices = [part for part in _slices(card) if _is_like(part, device)]
    if not slices:  # NVML does not tell the memory of a card that shares the main memory: there are no slices of it
        return card if whole is None and device.kind == "igpu" else None
    return slices[0] if len(slices) == 1 else None


def _slices(card: Any) -> Iterator[Any]:
    for index in range(_maybe(pynvml.nvmlDeviceGetMaxMigDeviceCount, card) or 0):
        part = _maybe(pynvml.nvmlDeviceGetMigDeviceHandleByIndex, card, index)
        if part is not None:
            yield part


def _is_like(part: Any, device: Device) -> bool:
    memory = _maybe(pynvml.nvmlDeviceGetMemoryInfo, part)
    return memory is not None and SLICE * memory.total <= device.total_bytes <= memory.total / SLICE


def _maybe(call: Callable[..., T], *args: Any) -> T | None:
    """None: this card, driver or machine does not tell, or in bytes that are no text."""
    try:
        return call(*args)
    except (pynvml.NVMLError, UnicodeDecodeError):
        return None


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
