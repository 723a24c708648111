"""A plan and its reasons, as a table for the owner and as plain data."""

from dataclasses import asdict, dataclass
from typing import Any

from worker.engine.port import EngineSpec

MIB = 2**20
PLACES = {"gpu": "GPU", "ram": "RAM"}


@dataclass(frozen=True)
class Line:
    """One thing that takes memory. `place` is "gpu" (all GPUs together) or "ram"."""

    what: str
    place: str
    bytes: int
    why: str


@dataclass(frozen=True)
class Plan:
    """What the engine will be started with, and where every byte goes."""

    model: str
    engine: EngineSpec
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()
    gpus: tuple[str, ...] = ()  # those of the engine, in words
    blind: str = ""  # why it is laid out without a projector that there is

    def total(self, place: str) -> int:
        return sum(line.bytes for line in self.lines if line.place == place)

    def explain(self) -> str:
        """Return a table for people: what takes memory, how much and why."""
        engine = self.engine
        where = {-1: "all layers on the GPU", 0: "all layers on the CPU"}.get(engine.gpu_layers, "split GPU and CPU")
        sees = ", sees pictures" if engine.projector else ""
        rows = [f"{self.model}: {engine.slots} jobs at once, {engine.context} tokens each, {where}{sees}"]
        rows += [_how(engine, self.gpus), ""]
        for line in self.lines:
            rows.append(f"  {PLACES[line.place]:4} {line.what:16} {line.bytes / MIB:10,.0f} MiB   {line.why}")
        for place, name in PLACES.items():
            if self.total(place):
                rows.append(f"  {name:4} {'together':16} {self.total(place) / MIB:10,.0f} MiB")
        notes = (*self.notes, self.blind) if self.blind else self.notes
        rows += ["", *(f"  - {note}" for note in notes)] if notes else []
        return "\n".join(rows)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON values; sizes in bytes."""
        return {
            "model": self.model,
            "engine": asdict(self.engine),
            "memory": [asdict(line) for line in self.lines],
            "gpu_bytes": self.total("gpu"),
            "ram_bytes": self.total("ram"),
            "gpus": list(self.gpus),
            "notes": list(self.notes),
            "vision": self.engine.projector is not None,
            "blind": self.blind,
        }


def _how(engine: EngineSpec, gpus: tuple[str, ...]) -> str:
    """Return what was chosen besides sizes, in one line."""
    chosen = [
        f"cache in {engine.kv_type}, " + ("shared by all jobs" if engine.unified else "one for each job"),
        "flash attention" if engine.flash_attention else "no flash attention",
        f"{engine.threads} CPU threads",
        f"streams stand still for about {engine.longest_stall_ms} ms at most",
    ]
    if engine.gpu_layers:
        dealt = [f"{gpu}, {count} layers" for gpu, count in zip(gpus, engine.split, strict=False)]
        chosen.insert(0, f"GPUs: {' and '.join(dealt or gpus)}")
    if engine.draft_rows:
        whence = "from the text and by the model's own prediction head" if engine.head else "from the text"
        chosen.append(f"up to {engine.draft_rows} tokens guessed ahead in a step, {whence}, where that pays")
    if not engine.repacked:
        chosen.append("weights not rewritten for this CPU")
    if engine.cpu_expert_layers:
        chosen.append(f"experts of {engine.cpu_expert_layers} layers in main memory")
    return "  " + "; ".join(chosen)
