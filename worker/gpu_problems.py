"""Why a GPU that is in the machine is not computed on, as problems for its owner. Pure."""

from collections.abc import Iterable

from wire.messages import Issue
from worker.engine.devices import Build
from worker.issues import driver_issue, issue
from worker.machine import Card, Machine

# Whose cards a backend drives, by the name of its library.
DRIVES = {"cuda": {"NVIDIA"}, "hip": {"AMD"}, "sycl": {"Intel"}, "vulkan": {"NVIDIA", "AMD", "Intel"}}
WAITS = frozenset({"gpu_unreachable", "driver_too_old", "library_broken"})  # a worker without a GPU does not serve
_NONE = frozenset({"", "-1", "none", "NoDevFiles"})  # as CUDA_VISIBLE_DEVICES
_ON_THE_CPU = "To serve from the CPU instead, set CUDA_VISIBLE_DEVICES= (empty)."


def gpu_problems(machine: Machine, build: Build, visible: str | None) -> tuple[Issue, ...]:
    """`visible` is CUDA_VISIBLE_DEVICES. What its owner hides is no problem, nor is a card of which a driver says
    nothing beside one that works: it may belong to another container."""
    if build.problem:
        return (issue("library_broken", build.problem),)
    if hides_all(visible) or (visible is not None and machine.devices):
        return ()
    listed = {device.id for device in build.devices if device.id}
    used = {device.id for device in machine.devices}
    without_code = [card for card in machine.cards if card.id in listed - used and _lacks_code(card, build)]
    missing = [card for card in machine.cards if card.id not in listed and (card.driver or not machine.devices)]
    missing = [card for card in missing if card.driver] or missing  # a container sees all of the host's bus
    wanted = [card for card in missing if any(card.vendor in DRIVES.get(name, ()) for name in build.backends)]
    found = [_no_code(without_code, build)] if without_code else []
    if not machine.cards and not machine.devices and _found_something(build):
        wanted = [Card("", "a GPU")]
    if wanted:
        found.append(_unreachable(wanted, build, visible))
    elif nvidia := [card for card in missing if card.vendor == "NVIDIA"]:
        found.append(_unused(nvidia))
    return tuple(found)


def hides_all(visible: str | None) -> bool:
    """CUDA_VISIBLE_DEVICES says that its owner wants the CPU to serve."""
    return visible is not None and visible.strip() in _NONE


def _found_something(build: Build) -> bool:
    """CUDA complains, and not that there is nothing: where the bus is hidden (WSL), a driver that came up wrong shows
    in this alone. Without a driver it says that the driver is too old."""
    nothing = ("no CUDA-capable device", "driver version is insufficient")
    return "failed to initialize CUDA" in build.said and not any(words in build.said for words in nothing)


def _lacks_code(card: Card, build: Build) -> bool:
    return card.capability is not None and 100 * card.capability[0] + 10 * card.capability[1] < min(build.archs)


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
        return issue("gpu_unreachable", text, f"Correct it, or remove it to use all. {_ON_THE_CPU}")
    text = f"{_names(cards)}: llama.cpp finds no such GPU now{said}"
    return issue("gpu_unreachable", text, _remedy(cards))


def _remedy(cards: Iterable[Card]) -> str:
    """What helps most often: after a suspend, after an update of the driver, in a container."""
    if any(card.vendor == "NVIDIA" for card in cards):
        return (
            "See whether `nvidia-smi` works; `sudo modprobe -r nvidia_uvm && sudo modprobe nvidia_uvm` after a suspend,"
            " a reboot after an update of the driver, in a container a restart of it with --gpus all (NVIDIA Container"
            f" Toolkit). {_ON_THE_CPU}"
        )
    return f"Install the card's Vulkan or compute driver, and let this user open /dev/dri (group render). {_ON_THE_CPU}"


def _names(cards: list[Card]) -> str:
    return ", ".join(dict.fromkeys(card.name for card in cards))
