"""The installed build of llama.cpp, and the devices that ggml lists for it.

`bindings/probe` finds both out, and `bindings/backend` gives the devices to a model.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["cpu", "gpu", "igpu", "accel", "meta"]
KINDS: tuple[Kind, ...] = ("cpu", "gpu", "igpu", "accel", "meta")  # in the order of enum ggml_backend_dev_type


_ARCHS = re.compile(r"ARCHS = (\d+(?:,\d+)*)")


@dataclass(frozen=True)
class Device:
    """One entry of ggml's list. `id`: the PCI address in lower case ("0000:01:00.0"), empty where the backend does not
    tell; a slice of a card (MIG) has that of its card. `igpu`: its memory is the main memory."""

    name: str  # "CUDA0", "Vulkan1": unique
    backend: str  # "CUDA", "ROCm", "Vulkan", "Metal", ...
    description: str
    kind: Kind
    free_bytes: int = 0
    total_bytes: int = 0
    id: str = ""

    @property
    def address(self) -> str:
        """How an engine is told to use it: by its name, and by its id too where one is known. Names are numbered anew
        when a card is lost, and then the name alone would mean another card."""
        return f"{self.name}@{self.id}" if self.id else self.name


@dataclass(frozen=True)
class Build:
    """The llama.cpp that is installed, and what it finds on this machine now.

    `backends`: which it was built with besides the CPU, as its libraries are named ("cuda", "vulkan"). `cuda`: major
    version of the CUDA that it was built with, 0: none or not known. `said`: the last line that it wrote for people,
    which is where drivers complain. `problem`: why nothing else is known, if so.
    """

    system: str = ""
    devices: tuple[Device, ...] = ()
    backends: tuple[str, ...] = ()
    cuda: int = 0
    said: str = ""
    problem: str = ""

    @property
    def archs(self) -> tuple[int, ...]:
        """What CUDA code was compiled for: 750 is compute capability 7.5."""
        found = _ARCHS.search(self.system)
        return tuple(map(int, found[1].split(","))) if found else ()

    def has_code(self, capability: tuple[int, int]) -> bool:
        """False if there is surely no code for such a card: all that was compiled is for newer ones.

        Code for older ones may be there in a form that the driver translates; the list does not tell.
        """
        return not self.archs or min(self.archs) <= 100 * capability[0] + 10 * capability[1]


def usable(devices: Iterable[Device]) -> tuple[Device, ...]:
    """The devices that llama.cpp takes when it is left the choice (llama_prepare_model_devices).

    Each card once, by the first backend that lists it, and integrated ones, of one backend, only where there is no
    other.
    """
    cards: dict[str, Device] = {}
    integrated: list[Device] = []
    for device in devices:
        if device.kind == "gpu":
            cards.setdefault(device.id or device.name, device)
        elif device.kind == "igpu" and (not integrated or integrated[0].backend == device.backend):
            integrated.append(device)
    return tuple(cards.values()) or tuple(integrated)
