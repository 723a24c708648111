"""docs/plans.md: what the worker's own plan makes of the catalog's first model on machines of every size."""

from dataclasses import dataclass
from pathlib import Path

from tools.docs.headline import header
from tools.docs.tables import table
from wire.catalog import ModelSpec
from wire.catalog_text import parse
from wire.offers import Gpu, Hardware
from worker.engine.devices import Device
from worker.machine.description import Machine
from worker.planning.explain import Plan
from worker.planning.footprint import MIB, Eyes
from worker.planning.layout import GIB
from worker.planning.plan import Wishes, plan

EYES = Eyes("projector.gguf", 852 * MIB)  # of the catalog's first model, in BF16

HEAD = """# What a worker makes of its machine

Made by `scripts/docs` from the worker's own plan: do not edit it here. {model}, whose jobs may have {context} tokens,
on made-up machines with the memory that such cards leave free; `supernet-worker --plan` says the same of a real one.
"Before" is what was planned until GPUs were looked at one by one, kept here as it was.

- A GPU is to serve four jobs at once before all, each of 32,768 tokens or more. For that the plan gives away context,
  down to there; then the exactness of the cache (q8_0 in place of f16); then the experts of as few layers as will do,
  which go to main memory. Where four jobs of the whole context fit, that stays, and more are added while there is room.
- `--context` names another length: on 24 GiB {longest} of 262,144 tokens at once, or {long} of 65,536. `--slots` names
  their number, and the plan finds the context for it.
- A prompt that is too long for a worker goes to one whose slots hold it, and waits for it if it is busy; an answer that
  fills its slot is continued at one with more context if that is free. `GET /v1/models` tells the longest that a worker
  online offers.
- Each job has a cache of its own as soon as all of them together have more than 65,536 cells: in a shared one every row
  attends to every cell in use. What that costs: a prefix that two jobs share is copied from one cache to the other, and
  prefixes are kept only in slots that are free.
- The model's projector (852 MiB, and 320 to compute in) is on the card too, so that pictures are seen: it may cost
  slots, and context down to 16,384 tokens, but takes nothing of the model off a card that holds all of it. Where it
  would, "pictures" says no, and `--vision on` has it all the same.
- With a cache in q8_0 and two jobs or more, CUDA unpacks a layer's cells to f16 before it reads them: for 4 x 32,768
  full cells about 6 ms a step on an RTX 3090 (reckoned, not measured). It is chosen only where f16 has no room for four
  jobs with the whole model on the card.

"""
TAIL = """
Several cards are dealt layers so that each has room for their weights, caches and states ("20 + 22 layers" counts the
output, and a prediction layer that takes nothing). Under WSL2 a tenth of the card is left to Windows, which moves what
is over its own budget to main memory and says nothing. On a GB10 the GPU's memory is the main memory, and counts once.
"""


@dataclass(frozen=True)
class Box:
    """A made-up machine. `free`: GiB of each card; `before`: what was planned for it."""

    name: str
    free: tuple[float, ...]
    ram: int
    before: str
    wsl: bool = False
    shared: bool = False

    def machine(self) -> Machine:
        sizes = [int(size * GIB) for size in self.free]
        gpus = tuple(Gpu(name=self.name, memory_bytes=size, free_bytes=size, shared=self.shared) for size in sizes)
        devices = tuple(Device(f"GPU{i}", "CUDA", self.name, "gpu") for i in range(len(sizes)))
        return Machine(Hardware(gpus=gpus), self.ram * GIB, 8, devices=devices, wsl=self.wsl)


CARD = Box("24 GiB", (23.4,), 64, "1 x 262,144, q8_0")
BOXES = (
    Box("8 GiB", (7.7,), 32, "1 x 262,144, q8_0, experts of 39 of 40 layers in main memory"),
    Box("12 GiB", (11.6,), 32, "1 x 262,144, q8_0, experts of 29 layers in main memory"),
    Box("16 GiB", (15.6,), 32, "1 x 262,144, q8_0, experts of 18 layers in main memory"),
    Box("MIG slice, 20 GiB", (19.6,), 64, "11 x 262,144: that of the whole card of 80 GiB, which does not load"),
    CARD,
    Box("24 GiB with a desktop", (22.5,), 32, "1 x 262,144, q8_0, experts of 1 layer in main memory"),
    Box("24 GiB, WSL2", (23.4,), 32, "1 x 262,144, q8_0: Windows moves a part of it to main memory", wsl=True),
    Box("32 GiB", (31.4,), 64, "2 x 262,144, f16, one cache for both"),
    Box("2 x 12 GiB", (11.6, 11.6), 64, "1 x 262,144, q8_0, experts of 4 layers in main memory"),
    Box("3 x 12 GiB", (11.6, 11.6, 11.6), 64, "2 x 262,144, f16: 11.6 of 11.6 GiB on one card"),
    Box("2 x 16 GiB", (15.6, 15.6), 64, "1 x 262,144, f16"),
    Box("12 + 24 GiB", (11.6, 23.4), 64, "2 x 262,144, f16: 12.1 of 11.6 GiB on one card"),
    Box("2 x 24 GiB", (23.4, 23.4), 64, "4 x 262,144, f16, one cache for all: 24.4 of 23.4 GiB on one card"),
    Box("4 x 24 GiB", (23.4,) * 4, 64, "13 x 262,144, f16: 25.5 of 23.4 GiB on one card, does not load"),
    Box("48 GiB", (47.0,), 64, "5 x 262,144, f16, one cache for all"),
    Box("80 GiB", (79.0,), 128, "11 x 262,144, f16"),
    Box("139 GiB", (139.0,), 256, "16 x 262,144, f16, 100 GiB of the card"),
    Box(
        "GB10, 120 GiB for both",
        (118.0,),
        118,
        "2 x 262,144, f16, on the CPU: NVML does not tell its memory",
        shared=True,
    ),
    Box("no GPU", (), 64, "2 x 262,144, f16, on the CPU"),
)


def page() -> str:
    """The whole of docs/plans.md."""
    model = _model()
    jobs = {tokens: planned(CARD, Wishes(context=tokens)).engine.slots for tokens in (262_144, 65_536)}
    head = HEAD.format(model=model.name, context=f"{model.context:,}", longest=jobs[262_144], long=jobs[65_536])
    columns = ("machine", "before", "jobs x tokens", "cache", "where", "pictures", "GPU", "RAM", "why")
    return head + table(columns, (_row(box, planned(box)) for box in BOXES)) + "\n" + TAIL


def planned(box: Box, wishes: Wishes | None = None) -> Plan:
    return plan(header(), "model.gguf", _model(), box.machine(), wishes or Wishes(), EYES)


def _model() -> ModelSpec:
    catalog = parse((Path(__file__).parents[2] / "models.yaml").read_text(encoding="utf-8"), "models.yaml")
    return catalog.get(catalog.default)


def _row(box: Box, made: Plan) -> tuple[str, ...]:
    engine = made.engine
    where = "CPU" if not engine.gpu_layers else "GPU"
    if engine.cpu_expert_layers:
        where += f", experts of {engine.cpu_expert_layers} layers in RAM"
    if engine.split:
        where += f": {' + '.join(map(str, engine.split))} layers"
    cache = f"{engine.kv_type}, {'shared' if engine.unified else 'one each'}"
    sizes = [f"{made.total(place) / GIB:.1f} GiB" for place in ("gpu", "ram")]
    notes = "; ".join(made.notes) or "the whole context for each, the whole model on the GPU, an exact cache"
    sees = "yes" if engine.projector else "no"
    return box.name, box.before, f"{engine.slots} x {engine.context:,}", cache, where, sees, *sizes, notes
