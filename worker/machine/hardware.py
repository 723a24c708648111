"""What this machine has: GPUs as ggml lists them, memory and cores by psutil and the limits of the own control group.

Best effort, never fatal: a machine without a GPU, a driver or permission works on its CPU, and a note says why.
"""

import os
import platform
from dataclasses import replace
from pathlib import Path

import psutil

from wire.offers import Gpu, Hardware
from worker.engine.devices import Build, Device, usable
from worker.machine import cgroup, nvml, pci
from worker.machine.cores import fast
from worker.machine.description import Card, Machine

SAME = (
    0.1  # totals of one card as two libraries tell them differ by a few percent; a slice is far smaller than its card
)


def detect(build: Build) -> Machine:
    """The machine as this build of llama.cpp sees it. What ggml lists is what can be computed on, with the memory that
    there is, slices of cards included; NVML adds what only it knows."""
    notes: list[str] = []
    cards = nvml.cards(notes)
    known = {card.id: card for card in cards if card.id}
    cards += [card for card in pci.cards() if card.id not in known]
    asked = (_with_memory(device, known.get(device.id)) for device in build.devices)
    devices = usable(gpu for gpu in asked if gpu.total_bytes and _has_code(build, known.get(gpu.id)))[:64]
    if devices and all(device.backend != "CUDA" for device in devices):
        notes.clear()  # whether NVML answers matters to nobody here
    if not devices and not build.backends and any(card.vendor == "AMD" for card in cards):
        notes.append("a GPU of AMD is here, and this llama.cpp knows none: scripts/setup --backend vulkan")
    total, available = memory()
    logical = _usable_cpus()
    hardware = Hardware(
        cpu=_cpu_name(),
        cpu_cores=logical,
        memory_bytes=total,
        gpus=tuple(_gpu(device, known.get(device.id), available) for device in devices),
    )
    cores = min(fast(_affinity()) or psutil.cpu_count(logical=False) or logical, logical)
    return Machine(hardware, available, cores, tuple(notes), devices, tuple(cards), wsl=_in_windows())


def _has_code(build: Build, card: Card | None) -> bool:
    return card is None or card.capability is None or build.has_code(card.capability)


def _with_memory(device: Device, card: Card | None) -> Device:
    """CUDA tells no memory where it cannot open a context: another process has the card for itself (exclusive mode), or
    has filled it."""
    if device.total_bytes or card is None:
        return device
    return replace(device, total_bytes=card.total_bytes, free_bytes=card.free_bytes)


def _gpu(device: Device, card: Card | None, available: int) -> Gpu:
    """ggml's free memory is what remains beside the context that asking for it takes, a few hundred MiB, and the plan
    counts one itself: NVML's word goes first where it speaks of the same thing. Not under WSL, where Windows gives a
    process a budget that NVML does not know."""
    free, total = device.free_bytes, device.total_bytes
    whole = card is not None and abs(card.total_bytes - total) <= SAME * total
    if card is not None and whole and card.free_bytes and not _in_windows():
        free = card.free_bytes
    shared = device.kind == "igpu"
    return Gpu(
        name=device.description or device.name,
        memory_bytes=total,
        free_bytes=min(free, available, total) if shared else min(free, total),
        driver="" if card is None else card.driver,
        backend=device.backend,
        shared=shared,
    )


def _in_windows() -> bool:
    return "microsoft" in platform.release().lower()


def in_container() -> bool:
    """Docker and Podman leave a file, systemd and LXC a variable, Kubernetes the address of its API."""
    marks = ("/.dockerenv", "/run/.containerenv")
    return any(Path(mark).exists() for mark in marks) or bool(
        {"container", "KUBERNETES_SERVICE_HOST"} & os.environ.keys()
    )


def memory() -> tuple[int, int]:
    """Return the bytes of main memory, all and available now, within the limits of the own control group."""
    machine, own = psutil.virtual_memory(), cgroup.limits()
    total = machine.total if own.memory_bytes is None else min(machine.total, own.memory_bytes)
    available = machine.available if own.left_bytes is None else min(machine.available, own.left_bytes)
    return total, available


def _usable_cpus() -> int:
    """Return how many cores this process may use, by its affinity and its control group."""
    affinity, quota = len(_affinity()), cgroup.limits().cpus
    return max(1, affinity if quota is None else min(affinity, int(quota)))


def _affinity() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()[:128]
    return platform.processor() or platform.machine()
