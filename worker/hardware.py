"""What this machine has: GPUs by NVML, memory and cores by psutil and the limits of its container.

Best effort, never fatal: a machine without a GPU, a driver or permission works on its CPU, and a note says why.
"""

import contextlib
import os
import platform
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil

from wire.messages import Gpu, Hardware
from worker.machine import Machine

with warnings.catch_warnings():
    # The pynvml package is a shell around nvidia-ml-py that says so on import; the module is the same.
    warnings.simplefilter("ignore", FutureWarning)
    import pynvml

CGROUP = Path("/sys/fs/cgroup")


def detect(visible: str | None = None) -> Machine:
    """`visible` is CUDA_VISIBLE_DEVICES: llama.cpp sees only those GPUs, in that order."""
    notes: list[str] = []
    cards = _gpus(notes)
    gpus = tuple(gpu for _, gpu in _chosen(cards, visible, notes))
    memory = psutil.virtual_memory()
    limit, used = _memory_limit()
    logical = _usable_cpus()
    hardware = Hardware(
        cpu=_cpu_name(),
        cpu_cores=logical,
        memory_bytes=min(memory.total, limit or memory.total),
        gpus=gpus[:64],
    )
    available = min(memory.available, limit - used if limit else memory.available)
    return Machine(hardware, max(0, available), min(psutil.cpu_count(logical=False) or logical, logical), tuple(notes))


def _gpus(notes: list[str]) -> list[tuple[str, Gpu]]:
    """(uuid, GPU) in NVML's order, that of the PCI bus."""
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


def _chosen(cards: list[tuple[str, Gpu]], visible: str | None, notes: list[str]) -> Iterable[tuple[str, Gpu]]:
    """CUDA's rule: numbers or beginnings of UUIDs, and everything from the first one that does not exist is hidden."""
    if visible is None:
        return cards
    chosen = []
    for wish in (part.strip() for part in visible.split(",")):
        matches = [
            card for index, card in enumerate(cards) if wish == str(index) or (wish and card[0].startswith(wish))
        ]
        if len(matches) != 1:
            if cards:
                notes.append(f"CUDA_VISIBLE_DEVICES={visible} hides GPUs from {wish or 'its end'!r} on")
            break
        chosen.append(matches[0])
    return chosen


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _usable_cpus() -> int:
    """Of this process and its container: half the cores of a shared machine may be somebody else's."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = _first_line(CGROUP / "cpu.max").partition(" ")
    if quota.isdecimal() and period.isdecimal() and int(period):
        affinity = min(affinity, max(1, int(quota) // int(period)))
    return max(1, affinity)


def _memory_limit() -> tuple[int | None, int]:
    """Bytes that the container may use, and uses; file cache counts as free, because it is given back."""
    limit = _first_line(CGROUP / "memory.max")
    if not limit.isdecimal():
        return None, 0
    used = _first_line(CGROUP / "memory.current")
    cache = next((line for line in _lines(CGROUP / "memory.stat") if line.startswith("inactive_file ")), "x 0")
    return int(limit), max(0, int(used if used.isdecimal() else 0) - int(cache.split()[1]))


def _cpu_name() -> str:
    for line in _lines(Path("/proc/cpuinfo")):
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()[:128]
    return platform.processor() or platform.machine()


def _first_line(path: Path) -> str:
    return next(iter(_lines(path)), "")


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
