"""What this machine has, as the plan needs it, and how its GPUs are doing: types only."""

from dataclasses import dataclass

from wire.messages import Hardware


@dataclass(frozen=True)
class Machine:
    """`hardware` is what the coordinator is told; its GPUs are in the order in which CUDA numbers them."""

    hardware: Hardware
    available_bytes: int  # main memory that can be taken now without swapping
    physical_cores: int  # that this process may really use
    notes: tuple[str, ...] = ()  # what was looked for and not found, in words for the owner
    wsl: bool = False  # Linux inside Windows, which shares its GPU


@dataclass(frozen=True)
class Reading:
    """One GPU at one moment. None: this card or driver does not say. Utilisations are fractions of the last second."""

    name: str
    memory_bytes: int
    used_bytes: int
    utilisation: float | None = None
    temperature_c: float | None = None
    power_w: float | None = None
    others_utilisation: float | None = None  # by processes that are not this worker's
    others_bytes: int | None = None
