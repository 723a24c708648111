"""Why a GPU that is in the machine is not computed on, as problems for its owner. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from wire.messages import Issue
from worker.engine.devices import Build
from worker.issues import driver_issue, issue
from worker.machine.description import Card, Machine

# Whose cards a backend drives, by the name of its library.
DRIVES = {"cuda": {"NVIDIA"}, "hip": {"AMD"}, "sycl": {"Intel"}, "vulkan": {"NVIDIA", "AMD", "Intel"}}
WAITS = frozenset({"gpu_unreachable", "driver_too_old", "library_broken"})  # a worker without a GPU does not serve
_NONE = frozenset({"", "-1", "none", "NoDevFiles"})  # as CUDA_VISIBLE_DEVICES
ON_THE_CPU = "To serve from the CPU instead, set CUDA_VISIBLE_DEVICES= (empty)."


def gpu_problems(machine: Machine, build: Build, visible: str | None) -> tuple[Issue, ...]:
    """Return why GPUs of the machine are not computed on.

    `visible` is CUDA_VISIBLE_DEVICES. A card that its owner hides is no problem, nor is one beside a working card that
    no driver speaks of: it may belong to another container.
    """
    if build.problem:
        return (issue("library_broken", build.problem),)
    if hides_all(visible) or (visible is not None and machine.devices):
        return ()
    found = []
    if old := _without_code(machine, build):
        found.append(_no_code(old, build))
    missing = _missing(machine, build)
    drives = set[str]().union(*(DRIVES.get(name, ()) for name in build.backends))
    if wanted := [card for card in missing if card.vendor in drives] + _mute(machine, build):
        found.append(_unreachable(wanted, build, visible))
    elif nvidia := [card for card in missing if card.vendor == "NVIDIA"]:
        found.append(_unused(nvidia))
    return tuple(found)


def _without_code(machine: Machine, build: Build) -> list[Card]:
    idle = {device.id for device in build.devices} - {device.id for device in machine.devices}
    cards = [card for card in machine.cards if card.id in idle]
    return [card for card in cards if card.capability and not build.has_code(card.capability)]


def _missing(machine: Machine, build: Build) -> list[Card]:
    """Return the cards that ggml does not list. Where a driver tells of some, the others on the bus belong to somebody
    else: a container sees every card of its host."""
    listed = {device.id for device in build.devices if device.id}
    missing = [card for card in machine.cards if card.id not in listed and (card.driver or not machine.devices)]
    return [card for card in missing if card.driver] or missing


def _mute(machine: Machine, build: Build) -> list[Card]:
    """Return the cards that ggml lists and cannot open, and one that shows in CUDA's complaint alone."""
    used = {device.name for device in machine.devices}
    shut = [
        gpu for gpu in build.devices if gpu.kind in ("gpu", "igpu") and not gpu.total_bytes and gpu.name not in used
    ]
    unnamed = not machine.cards and not machine.devices and _found_something(build)
    return [Card(gpu.id, gpu.description) for gpu in shut] or [Card("", "a GPU")] * unnamed


def hides_all(visible: str | None) -> bool:
    """Return True when CUDA_VISIBLE_DEVICES says that the owner wants the CPU to serve."""
    return visible is not None and visible.strip() in _NONE


def _found_something(build: Build) -> bool:
    """Return True when CUDA complains of something else than that there is no card or no driver.

    Where the bus is hidden (WSL), a driver that came up wrong shows in this alone. Without a driver CUDA says that the
    driver is too old.
    """
    nothing = ("no CUDA-capable device", "driver version is insufficient")
    return "failed to initialize CUDA" in build.said and not any(words in build.said for words in nothing)


def _no_code(cards: list[Card], build: Build) -> Issue:
    needed = ", ".join(dict.fromkeys(f"{card.capability[0]}.{card.capability[1]}" for card in cards if card.capability))
    has = ", ".join(f"{arch // 100}.{arch % 100 // 10}" for arch in build.archs)
    text = f"{_names(cards)}: this llama.cpp has no code for compute capability {needed}, only for {has}"
    return issue(
        "gpu_unused", text, "Run scripts/setup on this machine: it builds llama.cpp for the card that is here."
    )


def _unused(cards: list[Card]) -> Issue:
    text = f"{_names(cards)}: llama.cpp was built without GPU support"
    return issue("gpu_unused" if any(card.driver for card in cards) else "driver_missing", text)


def _unreachable(cards: list[Card], build: Build, visible: str | None) -> Issue:
    """The driver first: where it is too old, what the library says is only the consequence."""
    too_old = (driver_issue(card.driver, build.cuda) for card in cards if card.driver)
    if found := next((problem for problem in too_old if problem is not None), None):
        return found
    said = f": {build.said}" if build.said else ""
    if visible is not None:
        text = f"CUDA_VISIBLE_DEVICES={visible} leaves none of {_names(cards)}{said}"
        return issue("gpu_unreachable", text, f"Correct it, or remove it to use all. {ON_THE_CPU}")
    text = f"{_names(cards)}: llama.cpp finds no such GPU now{said}"
    return issue("gpu_unreachable", text, _remedy(cards))


def _remedy(cards: Iterable[Card]) -> str:
    """What helps most often: after a suspend, after an update of the driver, in a container."""
    if any(card.vendor == "NVIDIA" for card in cards):
        return (
            "See whether `nvidia-smi` works; `sudo modprobe -r nvidia_uvm && sudo modprobe nvidia_uvm` after a suspend,"
            " a reboot after an update of the driver, in a container a restart of it with --gpus all (NVIDIA Container"
            f" Toolkit). {ON_THE_CPU}"
        )
    return f"Install the card's Vulkan or compute driver, and let this user open /dev/dri (group render). {ON_THE_CPU}"


def _names(cards: list[Card]) -> str:
    return ", ".join(dict.fromkeys(card.name for card in cards))


def emptied(machine: Machine) -> Machine | None:
    """Return the machine as if nothing else used its GPUs; None: others use less than half of each, for good."""
    gpus = machine.hardware.gpus
    if all(gpu.free_bytes >= gpu.memory_bytes // 2 for gpu in gpus):
        return None
    freed = tuple(gpu.model_copy(update={"free_bytes": gpu.memory_bytes}) for gpu in gpus)
    return replace(machine, hardware=machine.hardware.model_copy(update={"gpus": freed}))


def in_use(machine: Machine) -> Issue:
    """Return the problem that a GPU is in use: worth waiting, as a model that is laid out on the CPU stays there."""
    gpus = ", ".join(
        f"{gpu.name}: {gpu.free_bytes / 2**30:.1f} of {gpu.memory_bytes / 2**30:.1f} GiB free"
        for gpu in machine.hardware.gpus
    )
    remedy = f"Close what else uses the GPU (`nvidia-smi` lists it). {ON_THE_CPU}"
    return issue("not_enough_memory", f"other programs use the GPU ({gpus}), and no part of the model fits", remedy)
