"""Where every byte of a model goes when it is laid out in one shape, and whether there is room for it. Pure."""

from dataclasses import dataclass

from program.fits import MOST_GUESSING, RAM_RESERVE_BYTES, runtime_bytes
from worker.engine.port import EngineSpec
from worker.machine.description import Machine
from worker.planning.deal import deal
from worker.planning.explain import Line
from worker.planning.footprint import (
    MIB,
    Eyes,
    Footprint,
    KvType,
    cache_bytes,
    compute_bytes,
    head_compute_bytes,
    padded,
)

GIB = 2**30
HEAD = "the model's own layer that guesses ahead, with a cache of its own; --drafts off does without"
WSL_RESERVE = 10  # a tenth of the card: Windows moves what is over its own budget to main memory, and says nothing


@dataclass(frozen=True)
class Shape:
    """How a model is laid out, but for the number of slots. `on_gpu`: layers on GPUs, counted from the last, and the
    output with them."""

    context: int
    kv_type: KvType
    gpus: tuple[int, ...] = ()
    on_gpu: int = 0
    cpu_experts: int = 0
    eyes: Eyes | None = None

    def whole(self, model: Footprint) -> bool:
        """Return True when the whole model is on GPUs: nothing that computes stays in main memory."""
        return self.on_gpu == model.layers and not self.cpu_experts


@dataclass(frozen=True)
class _Sizes:
    """Bytes of one engine. Tuples have an entry a layer; `compute`, `unpacked` and `copied` are taken on each card, and
    those of the prediction head where the output is."""

    cells: int
    weights: tuple[int, ...]  # without the experts that are moved
    cache: tuple[int, ...]
    state: tuple[int, ...]
    compute: int
    unpacked: int
    copied: int
    head: int  # its weights and its cache
    head_compute: int


def _sizes(model: Footprint, engine: EngineSpec, shape: Shape) -> _Sizes:
    sequences, moved = engine.slots + engine.anchors, shape.cpu_experts
    cells = padded(engine.context * (engine.slots if engine.unified else sequences))
    weights = [size - experts for size, experts in zip(model.layer_bytes, model.expert_bytes, strict=True)]
    unpacked = copied = 0
    if shape.gpus and engine.kv_type != "f16":
        # ggml-cuda/fattn-common.cuh unpacks a layer's keys and values to f16 while it reads
        unpacked = max(model.cache_values) * 2 * (cells if engine.unified else engine.context * engine.slots)
    if shape.gpus and not shape.whole(model):
        # a batch of many rows is computed on the GPU, which gets a copy of the weights that it needs next
        copied = max(model.expert_bytes[:moved]) if moved else max(model.layer_bytes)
    seen = cells if engine.unified else engine.context
    head = head_compute = 0
    if engine.head and model.head:
        head = model.head.bytes + cells * cache_bytes(model.head.cache_values, engine.kv_type)
        head_compute = head_compute_bytes(model, engine.batch, seen, sequences, engine.flash_attention) + unpacked
    return _Sizes(
        cells=cells,
        weights=(*weights[:moved], *model.layer_bytes[moved:]),
        cache=tuple(cells * cache_bytes(values, engine.kv_type) for values in model.cache_values),
        state=tuple(sequences * (1 + engine.rollback) * size for size in model.state_bytes),
        compute=compute_bytes(
            model,
            engine.batch,
            seen,
            sequences,
            engine.flash_attention,
            engine.draft_rows,
            engine.rollback,
        ),
        unpacked=unpacked,
        copied=copied,
        head=head,
        head_compute=head_compute,
    )


def lines(model: Footprint, engine: EngineSpec, shape: Shape, machine: Machine) -> list[Line]:
    """Return every byte that the shape takes, by purpose and place."""
    sizes, cards, first = _sizes(model, engine, shape), len(shape.gpus), model.layers - shape.on_gpu
    found = _of_layers(model, engine, sizes, "gpu", range(first, model.layers), cards) if cards else []
    found += _of_layers(model, engine, sizes, "ram", range(first), cards)
    found += [
        Line("runtime", "gpu", sum(_runtime(machine, index) for index in shape.gpus), "the driver's own"),
        Line("unpacked cache", "gpu", sizes.unpacked * cards, "one layer at a time, back to f16"),
        Line("copied weights", "gpu", sizes.copied * cards, "one layer at a time, while a prompt is read"),
        Line("prediction head", "gpu" if cards else "ram", sizes.head + sizes.head_compute, HEAD),
        *_projector(shape),
        Line("saved states", "ram", engine.saved_bytes, "where conversations continue without being read again"),
        Line("states before guesses", "ram", _guessing_bytes(model, engine), "to take long guesses back"),
    ]
    return [line for line in found if line.bytes]


def _guessing_bytes(model: Footprint, engine: EngineSpec) -> int:
    return min(engine.slots, MOST_GUESSING) * sum(model.state_bytes) if engine.rollback else 0


def _projector(shape: Shape) -> list[Line]:
    if shape.eyes is None:
        return []
    why = f"to see pictures: a file of {shape.eyes.file_bytes / MIB:,.0f} MiB, and what an encode takes"
    return [Line("projector", "gpu" if shape.gpus else "ram", shape.eyes.bytes, why)]


def _of_layers(
    model: Footprint, engine: EngineSpec, sizes: _Sizes, place: str, layers: range, cards: int
) -> list[Line]:
    """Return what the layers of one place take, with everything else that is kept there."""
    on_gpu = place == "gpu"
    output = model.output_bytes if on_gpu or not (cards or model.tied) else 0
    weights = sum(sizes.weights[i] for i in layers) + output
    if not on_gpu:
        weights += model.input_bytes + sum(model.layer_bytes) - sum(sizes.weights)
    why = f"{len(layers)} of {model.layers} layers" + (", output" if output else "")
    cache = f"{sizes.cells} tokens in {engine.kv_type}, "
    cache += "shared by all slots" if engine.unified else "one cache for each slot"
    kept = f"{engine.slots} slots + {engine.anchors} kept"
    kept += f", {engine.rollback} more of each to take guesses back" if engine.rollback else ""
    return [
        Line("weights", place, weights, why + ("" if on_gpu else ", token embedding")),
        Line("cache", place, sum(sizes.cache[i] for i in layers), cache),
        Line("recurrent state", place, sum(sizes.state[i] for i in layers), kept),
        Line("compute", place, sizes.compute * (cards if on_gpu else 1), f"batch of {engine.batch}"),
    ]


def split(
    model: Footprint, engine: EngineSpec, shape: Shape, machine: Machine, reserve_bytes: int
) -> tuple[int, ...] | None:
    """How many layers each card of the shape gets; () without a GPU; None: there is no room, there or in main memory.

    Counted as llama.cpp counts (llama-model.cpp, load_tensors): from the first layer on a GPU, with the prediction
    layers, which take nothing if they are not loaded, and the output as the last.
    """
    shared = any(machine.hardware.gpus[index].shared for index in shape.gpus)  # what they take is main memory too
    ram = sum(line.bytes for line in lines(model, engine, shape, machine) if shared or line.place == "ram")
    if ram > machine.available_bytes - RAM_RESERVE_BYTES:
        return None
    if not shape.gpus:
        return ()
    sizes = _sizes(model, engine, shape)
    each = sizes.compute + sizes.unpacked + sizes.copied
    rooms = [free(machine, index, reserve_bytes) - _runtime(machine, index) - each for index in shape.gpus]
    # beside the output, where the engine puts them
    rooms[-1] -= (shape.eyes.bytes if shape.eyes else 0) + sizes.head_compute
    layers = [sum(of[i] for of in (sizes.weights, sizes.cache, sizes.state)) for i in range(model.layers)]
    dealt = [*layers[model.layers - shape.on_gpu :], *_predicting(model, sizes), model.output_bytes]
    return deal(dealt, rooms)


def _predicting(model: Footprint, sizes: _Sizes) -> list[int]:
    return [sizes.head, *[0] * (model.unused_layers - 1)] if sizes.head else [0] * model.unused_layers


def free(machine: Machine, index: int, reserve_bytes: int) -> int:
    """Return the bytes of a card that may be taken; the rest is for its owner, or for Windows."""
    card = machine.hardware.gpus[index]
    return card.free_bytes - max(reserve_bytes, card.memory_bytes // WSL_RESERVE if machine.wsl else 0)


def _runtime(machine: Machine, index: int) -> int:
    return runtime_bytes(machine.hardware.gpus[index].memory_bytes)
