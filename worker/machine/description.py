"""What this machine has, as the plan needs it, and how its GPUs are doing: types only."""

from dataclasses import dataclass

from wire.offers import Hardware
from worker.engine.devices import Device


@dataclass(frozen=True)
class Card:
    """A GPU that is in the machine, whether or not llama.cpp can use it.

    `id`: its PCI address, as in Device. `driver`: the version of the driver that described the card; empty: it is known
    from the PCI bus alone. Memory in bytes; 0: unknown.
    """

    id: str
    name: str
    vendor: str = "NVIDIA"
    driver: str = ""
    capability: tuple[int, int] | None = None  # of CUDA: (8, 6)
    total_bytes: int = 0
    free_bytes: int = 0


@dataclass(frozen=True)
class Machine:
    """The computer that this worker runs on.

    `hardware` is what the coordinator is told. Its GPUs are `devices`: those that llama.cpp computes on, one by one and
    in ggml's order. `cards`: every GPU that is known to be in the machine.
    """

    hardware: Hardware
    available_bytes: int  # main memory that can be taken now without swapping
    physical_cores: int  # that this process may really use; of two kinds the fast ones
    notes: tuple[str, ...] = ()  # what was looked for and not found, in words for the owner
    devices: tuple[Device, ...] = ()
    cards: tuple[Card, ...] = ()
    wsl: bool = False  # Linux inside Windows, which shares its GPU


@dataclass(frozen=True)
class Reading:
    """One GPU at one moment. None: this card or driver does not say. Utilisations are fractions of the last second.

    `device`: its address, as in Device. Its place among the readings identifies no card: a silent one is left out.
    """

    name: str
    memory_bytes: int
    used_bytes: int | None = None
    utilisation: float | None = None
    temperature_c: float | None = None
    power_w: float | None = None
    others_utilisation: float | None = None  # by processes that are not this worker's
    others_bytes: int | None = None
    device: str = ""
