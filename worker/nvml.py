"""NVIDIA's management library: which GPUs there are, and how they are doing. The only file that knows pynvml."""

import contextlib
import warnings
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

from wire.messages import Gpu
from worker.machine import Reading

with warnings.catch_warnings():
    # The pynvml package is a shell around nvidia-ml-py that says so on import; the module is the same.
    warnings.simplefilter("ignore", FutureWarning)
    import pynvml

T = TypeVar("T")
Own = Callable[[], frozenset[int]]  # pids of this worker's engines


def cards(notes: list[str]) -> list[tuple[str, Gpu]]:
    """(uuid, GPU) in NVML's order, that of the PCI bus; what is not there or does not answer becomes a note."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        notes.append(f"no NVIDIA GPU can be used: {error}. `nvidia-smi` should work before this worker can use one")
        return []
    try:
        driver = _text(pynvml.nvmlSystemGetDriverVersion())
        found = []
        for index in range(pynvml.nvmlDeviceGetCount()):
            try:
                found.append(_gpu(pynvml.nvmlDeviceGetHandleByIndex(index), driver))
            except pynvml.NVMLError as error:
                notes.append(f"GPU {index} is left out: {error}")
        return found
    except pynvml.NVMLError as error:
        notes.append(f"the NVIDIA driver does not answer: {error}")
        return []
    finally:
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def _gpu(handle: Any, driver: str) -> tuple[str, Gpu]:
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    name = _text(pynvml.nvmlDeviceGetName(handle))
    gpu = Gpu(name=name, memory_bytes=int(memory.total), free_bytes=int(memory.free), driver=driver)
    return _text(pynvml.nvmlDeviceGetUUID(handle)), gpu


def chosen(cards: list[tuple[str, T]], visible: str | None, notes: list[str]) -> Iterable[tuple[str, T]]:
    """CUDA's rule: numbers or beginnings of UUIDs, and everything from the first one that does not exist is hidden."""
    if visible is None:
        return cards
    picked = []
    for wish in (part.strip() for part in visible.split(",")):
        matches = [
            card for index, card in enumerate(cards) if wish == str(index) or (wish and card[0].startswith(wish))
        ]
        if len(matches) != 1:
            if cards:
                notes.append(f"CUDA_VISIBLE_DEVICES={visible} hides GPUs from {wish or 'its end'!r} on")
            break
        picked.append(matches[0])
    return picked


class Sensors(Protocol):
    """How this worker's GPUs are doing; `read` may block for as long as a driver takes."""

    def read(self) -> tuple[Reading, ...]: ...


class NvmlSensors:
    """The real ones. Best effort: a value that a card does not tell is None, a card that is lost is left out."""

    def __init__(self, visible: str | None, own: Own) -> None:
        self._visible = visible
        self._own = own
        self._ready = False
        self._asked: dict[str, int] = {}  # per card: time stamp of the last sample of processes that was read

    def read(self) -> tuple[Reading, ...]:
        if not self._ready:
            try:
                pynvml.nvmlInit()  # for as long as the process lives
            except pynvml.NVMLError:
                return ()
            self._ready = True
        handles = []
        for index in range(_maybe(pynvml.nvmlDeviceGetCount) or 0):
            handle = _maybe(pynvml.nvmlDeviceGetHandleByIndex, index)
            uuid = None if handle is None else _maybe(pynvml.nvmlDeviceGetUUID, handle)
            handles.append(("" if uuid is None else _text(uuid), handle))
        found = (
            self._reading(uuid, handle) for uuid, handle in chosen(handles, self._visible, []) if handle is not None
        )
        return tuple(reading for reading in found if reading is not None)

    def _reading(self, uuid: str, handle: Any) -> Reading | None:
        memory = _maybe(pynvml.nvmlDeviceGetMemoryInfo, handle)
        if memory is None:
            return None
        rates = _maybe(pynvml.nvmlDeviceGetUtilizationRates, handle)
        temperature = _maybe(pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU)
        power = _maybe(pynvml.nvmlDeviceGetPowerUsage, handle)  # milliwatts
        utilisation, held = self._others(uuid, handle)
        return Reading(
            name=_text(_maybe(pynvml.nvmlDeviceGetName, handle) or "GPU"),
            memory_bytes=int(memory.total),
            used_bytes=int(memory.total - memory.free),
            utilisation=None if rates is None else rates.gpu / 100,
            temperature_c=None if temperature is None else float(temperature),
            power_w=None if power is None else power / 1000,
            others_utilisation=utilisation,
            others_bytes=held,
        )

    def _others(self, uuid: str, handle: Any) -> tuple[float | None, int | None]:
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
        samples = _maybe(pynvml.nvmlDeviceGetProcessUtilization, handle, self._asked.get(uuid, 0))
        if samples is None:  # also when there was nothing to sample
            return None if running.keys() - own else 0.0, held
        self._asked[uuid] = max((int(s.timeStamp) for s in samples), default=self._asked.get(uuid, 0))
        most: dict[int, int] = {}
        for sample in samples:
            if sample.pid and sample.pid not in own and sample.smUtil <= 100:
                most[sample.pid] = max(most.get(sample.pid, 0), int(sample.smUtil))
        return min(1.0, sum(most.values()) / 100), held


def _maybe(call: Callable[..., T], *args: Any) -> T | None:
    """None: this card, driver or machine does not tell."""
    try:
        return call(*args)
    except pynvml.NVMLError:
        return None


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
