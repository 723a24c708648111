"""What this machine has: GPUs by NVML, memory and cores by psutil and the limits of its container.

Best effort, never fatal: a machine without a GPU, a driver or permission works on its CPU, and a note says why.
"""

import os
import platform
from pathlib import Path

import psutil

from wire.messages import Hardware
from worker import nvml
from worker.machine import Machine

CGROUP = Path("/sys/fs/cgroup")


def detect(visible: str | None = None) -> Machine:
    """`visible` is CUDA_VISIBLE_DEVICES: llama.cpp sees only those GPUs, in that order."""
    notes: list[str] = []
    gpus = tuple(gpu for _, gpu in nvml.chosen(nvml.cards(notes), visible, notes))
    total, available = memory()
    logical = _usable_cpus()
    hardware = Hardware(
        cpu=_cpu_name(),
        cpu_cores=logical,
        memory_bytes=total,
        gpus=gpus[:64],
    )
    cores = min(psutil.cpu_count(logical=False) or logical, logical)
    return Machine(hardware, available, cores, tuple(notes), wsl="microsoft" in platform.release().lower())


def memory() -> tuple[int, int]:
    """Main memory in bytes: all of it, and what can be taken now; within a container's limit."""
    machine = psutil.virtual_memory()
    limit, used = _memory_limit()
    available = min(machine.available, limit - used if limit else machine.available)
    return min(machine.total, limit or machine.total), max(0, available)


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
