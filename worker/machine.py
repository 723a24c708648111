"""What this machine has, as the plan needs it: types only; `hardware` finds it out."""

from dataclasses import dataclass

from wire.messages import Hardware


@dataclass(frozen=True)
class Machine:
    """`hardware` is what the coordinator is told; its GPUs are in the order in which CUDA numbers them."""

    hardware: Hardware
    available_bytes: int  # main memory that can be taken now without swapping
    physical_cores: int  # that this process may really use
    notes: tuple[str, ...] = ()  # what was looked for and not found, in words for the owner
