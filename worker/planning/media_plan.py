"""Where a pipeline for media is put, and what is left for a chat's model beside it. Pure.

A pipeline is loaded whole, on one GPU that PyTorch computes on, or in main memory where there is none. Nothing swaps
with a chat's model: to load 13 GB for each picture would cost more than it earns. So both are served only if both fit
at once.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

from program.fits import MEDIA_RUNTIME_BYTES, RAM_RESERVE_BYTES
from wire.media_catalog import MediaSpec
from worker.machine.description import Machine
from worker.planning.explain import PLACES, Line, Plan
from worker.planning.footprint import MIB
from worker.planning.layout import GIB, free
from worker.planning.plan import DoesNotFit, PlanError

BACKENDS = ("CUDA", "ROCm")  # of ggml's devices, those that PyTorch calls cuda


@dataclass(frozen=True)
class MediaPlan:
    """`card`: its index among the machine's GPUs; None: the pipeline is in main memory. `device`: as torch says it."""

    model: str
    tools: tuple[str, ...]
    device: str
    card: int | None
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()
    gpu: str = ""

    @property
    def bytes(self) -> int:
        return sum(line.bytes for line in self.lines)

    def explain(self) -> str:
        """Return a table for people: what takes memory, how much and why."""
        where = self.gpu or "all of it on the CPU"
        rows = [f"{self.model}: one at a time of {', '.join(self.tools)}; {where}", ""]
        for line in self.lines:
            rows.append(f"  {PLACES[line.place]:4} {line.what:16} {line.bytes / MIB:10,.0f} MiB   {line.why}")
        rows += ["", *(f"  - {note}" for note in self.notes)] if self.notes else []
        return "\n".join(rows)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON values; sizes in bytes."""
        place = "ram" if self.card is None else "gpu"
        return {
            "model": self.model,
            "tools": list(self.tools),
            "device": self.device,
            "memory": [asdict(line) for line in self.lines],
            "gpu_bytes": self.bytes if place == "gpu" else 0,
            "ram_bytes": self.bytes if place == "ram" else 0,
            "gpus": [self.gpu] if self.gpu else [],
            "notes": list(self.notes),
        }


def plan_media(spec: MediaSpec, machine: Machine, reserve_bytes: int, tools: tuple[str, ...]) -> MediaPlan:
    """Put the pipeline on the GPU with the most free memory. Raises PlanError for an entry without its size, and
    DoesNotFit with the numbers."""
    if spec.memory_bytes is None:
        raise PlanError(f"{spec.id}: the catalog does not say how much memory it takes (memory_bytes)")
    need = Line(
        "pipeline", "gpu", spec.memory_bytes, "weights, and what the largest that it makes takes: the catalog's"
    )
    cards = [index for index, device in enumerate(machine.devices) if device.backend in BACKENDS]
    if not cards:
        return _in_main_memory(spec, machine, need, tools)
    card = max(cards, key=lambda index: free(machine, index, reserve_bytes))
    runtime = Line("runtime", "gpu", MEDIA_RUNTIME_BYTES, "the driver's and PyTorch's own")
    room, gpu = free(machine, card, reserve_bytes), machine.hardware.gpus[card]
    if need.bytes + runtime.bytes > room:
        raise DoesNotFit(
            f"{spec.id} does not fit: it takes {(need.bytes + runtime.bytes) / GIB:.1f} GiB of one GPU, and of"
            f" {gpu.name} {max(0, room) / GIB:.1f} GiB may be taken. Close other programs, or choose a smaller one"
        )
    device = machine.devices[card]
    number = "".join(filter(str.isdigit, device.name)) or "0"  # ggml and PyTorch both count by the bus here
    return MediaPlan(spec.id, tools, f"cuda:{number}", card, (need, runtime), gpu=f"{gpu.name} ({device.address})")


def _in_main_memory(spec: MediaSpec, machine: Machine, need: Line, tools: tuple[str, ...]) -> MediaPlan:
    room = machine.available_bytes - RAM_RESERVE_BYTES
    need = replace(need, place="ram", bytes=2 * need.bytes, why=f"{need.why}, twice: a CPU computes in 32 bits")
    if need.bytes > room:
        raise DoesNotFit(
            f"{spec.id} does not fit: it takes {need.bytes / GIB:.1f} GiB, and without a GPU that PyTorch computes on"
            f" {max(0, room) / GIB:.1f} GiB of main memory may be taken"
        )
    slow = ("everything is made on the CPU: minutes for what a GPU makes in seconds",)
    return MediaPlan(spec.id, tools, "cpu", None, (need,), slow)


def check_both(media: MediaPlan, chat: Plan | None, alone: Plan) -> None:
    """Raise DoesNotFit if a chat's model is laid out worse beside the pipeline than alone; `chat` None: not at all."""
    whole = alone.engine.gpu_layers == -1 and not alone.engine.cpu_expert_layers
    kept = chat is not None and chat.engine.gpu_layers == -1 and not chat.engine.cpu_expert_layers
    if chat is None or (whole and not kept):
        place = "gpu" if alone.engine.devices else "ram"
        raise DoesNotFit(
            f"{alone.model} and {media.model} do not fit at once: served alone the one takes"
            f" {alone.total(place) / GIB:.1f} GiB, the other {media.bytes / GIB:.1f} GiB. Leave one of them out"
            " (--model, --media), or ask for less (--slots, --context)"
        )


def beside(made: MediaPlan | None, machine: Machine) -> Machine:
    """Return what is left of the machine for a chat's model."""
    if made is None:
        return machine
    if made.card is None:
        return replace(machine, available_bytes=max(0, machine.available_bytes - made.bytes))
    gpus = list(machine.hardware.gpus)
    card = gpus[made.card]
    gpus[made.card] = card.model_copy(update={"free_bytes": max(0, card.free_bytes - made.bytes)})
    return replace(machine, hardware=machine.hardware.model_copy(update={"gpus": tuple(gpus)}))
