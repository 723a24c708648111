"""How a model is laid out on this machine: what goes to the GPU, how many jobs at once, how much context for each.

Pure: the header, the machine and the owner's wishes go in, an EngineSpec and its reasons come out. Shapes are tried in
the order of `_shapes`, best first, until one fits with one slot; then slots are added while they fit.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from wire.catalog import ModelSpec
from worker.engine.port import EngineSpec
from worker.explain import Line, Plan
from worker.footprint import MIB, Footprint, KvType, cache_bytes, compute_bytes, footprint, padded
from worker.gguf_header import Header
from worker.machine import Machine

GIB = 2**30
RUNTIME_BYTES = 640 * MIB  # of each GPU: CUDA context, kernels, cuBLAS workspaces; llama.cpp's log does not show them
RAM_RESERVE_BYTES = 1 * GIB  # for the daemon itself, the second process and the system
SAVED_STATES = 32  # of a hybrid model, in main memory: where conversations can be continued
MOST_SAVED_BYTES = 2 * GIB  # about 32 of Qwen3.6-35B-A3B's 63 MiB
LEAST_CONTEXT = 4096  # below this a smaller cache is no longer a service: say that it does not fit
MAX_SEQUENCES = 256  # LLAMA_MAX_SEQ
# The mask of one shared cache costs about 1 ns for each row and cell on one host thread (measured 15-20 ms for 64 rows
# x 256k cells); from this many on, separate caches are faster although they cannot share a prefix for nothing.
SHARED_MASK_LIMIT = 8 * 2**20
# On a CPU every token steps over every cell of a shared cache, also those of others and of prefixes that are only kept:
# measured 0.4 ms for 1,000 cells on SmolLM2, whose token takes 9 ms. Up to so many slots that buys the kept prefixes.
MOST_SHARED_ON_CPU = 2
MASK_BYTES = 256 * MIB  # a bigger batch is not worth a larger mask than this


class PlanError(Exception):
    """The model does not fit, or the owner asked for what cannot be; the text says what would help."""


class DoesNotFit(PlanError):
    """There is not enough memory now; there may be once other programs are closed."""


@dataclass(frozen=True)
class Wishes:
    """What the owner decided himself; None leaves it to the plan."""

    slots: int | None = None
    context: int | None = None
    threads: int | None = None
    longest_stall_ms: int = 500
    reserve_bytes: int = 512 * MIB  # of each GPU, left to the owner's own use
    gpu: bool = True  # False: llama.cpp was built without GPU support, or the owner wants his GPU for himself


@dataclass(frozen=True)
class _Shape:
    """Everything but the number of slots. `on_gpu` counts layers from the last; layers + 1 includes the output."""

    context: int
    kv_type: KvType
    gpus: tuple[int, ...] = ()
    on_gpu: int = 0
    cpu_experts: int = 0


def plan(header: Header, path: str, spec: ModelSpec, machine: Machine, wishes: Wishes) -> Plan:
    """Lay out the model at `path`. Raises PlanError, DoesNotFit, or GgufError for a header without its sizes."""
    model = footprint(header)
    context = _wanted_context(model, spec, wishes)
    for shape in _shapes(model, machine, wishes, context):
        if found := _with_most_slots(model, shape, machine, wishes):
            engine, lines = found
            notes = machine.notes + _remarks(engine, shape, context, model, wishes)
            return Plan(spec.id, replace(engine, path=path), tuple(lines), notes)
    raise DoesNotFit(_what_would_help(model, spec, machine, wishes, context))


def _wanted_context(model: Footprint, spec: ModelSpec, wishes: Wishes) -> int:
    if wishes.context is not None and wishes.context > model.context:
        raise PlanError(f"a context of {wishes.context} was asked for, but {spec.id} knows only {model.context} tokens")
    if wishes.context is not None and wishes.context < 256:
        raise PlanError(f"a context of {wishes.context} tokens serves nobody; ask for at least 256")
    return min(wishes.context or spec.context, model.context)


def _shapes(model: Footprint, machine: Machine, wishes: Wishes, context: int) -> Iterator[_Shape]:
    """Best first: the whole model on the GPU with an exact cache, with a q8_0 cache, with some experts in main memory;
    the same with half the context, and so on; then only some layers on the GPU; then none."""
    ladder = [context]
    while wishes.context is None and ladder[-1] // 2 >= min(context, LEAST_CONTEXT):
        ladder.append(ladder[-1] // 2)
    choices = _gpu_choices(machine, wishes)
    whole, small = model.layers + 1, model.cache_types[-1]
    moved = range(1, model.layers + 1) if any(model.expert_bytes) else range(0)
    for tokens in ladder:
        yield from (_Shape(tokens, kv_type, gpus, whole) for kv_type in model.cache_types for gpus in choices)
        yield from (_Shape(tokens, small, gpus, whole, experts) for experts in moved for gpus in choices)
    some = range(model.layers, model.layers // 4, -1)  # fewer than a quarter gain nothing
    for tokens in ladder:
        yield from (_Shape(tokens, small, gpus, layers) for gpus in reversed(choices) for layers in some)
    for tokens in ladder:
        yield from (_Shape(tokens, kv_type) for kv_type in model.cache_types)


def _gpu_choices(machine: Machine, wishes: Wishes) -> list[tuple[int, ...]]:
    """The GPU with most free memory alone, then all: one GPU needs no copies between cards."""
    gpus = machine.hardware.gpus if wishes.gpu else ()
    if not gpus:
        return []
    best = max(range(len(gpus)), key=lambda index: gpus[index].free_bytes)
    return [(best,)] if len(gpus) == 1 else [(best,), tuple(range(len(gpus)))]


def _with_most_slots(
    model: Footprint, shape: _Shape, machine: Machine, wishes: Wishes
) -> tuple[EngineSpec, list[Line]] | None:
    most = _default_slots(shape, machine) if wishes.slots is None else wishes.slots
    if not 1 <= most <= MAX_SEQUENCES // 2:
        raise PlanError(f"{most} slots were asked for; between 1 and {MAX_SEQUENCES // 2} are possible")
    spare = 8 if shape.gpus else 2

    def laid_out(slots: int, anchors: int) -> tuple[EngineSpec, list[Line]] | None:
        engine = _engine(model, shape, slots, anchors, machine, wishes)
        lines = _lines(model, engine, shape)
        return (engine, lines) if _fits(model, lines, shape, machine, wishes) else None

    if not laid_out(1, 0):  # most shapes end here
        return None
    counts = ((slots, anchors) for slots in range(most, 0, -1) for anchors in (spare, spare // 2, 1, 0))
    return next(found for slots, anchors in counts if (found := laid_out(slots, anchors)))


def _default_slots(shape: _Shape, machine: Machine) -> int:
    if shape.on_gpu == 0:
        return 2
    return 16 if sum(machine.hardware.gpus[index].memory_bytes for index in shape.gpus) >= 40 * GIB else 8


def _engine(model: Footprint, shape: _Shape, slots: int, anchors: int, machine: Machine, wishes: Wishes) -> EngineSpec:
    whole = shape.on_gpu > model.layers and not shape.cpu_experts
    if shape.gpus:
        unified = slots == 1 or slots * slots * shape.context <= SHARED_MASK_LIMIT
    else:
        unified = slots <= MOST_SHARED_ON_CPU
    cells = slots * shape.context if unified else shape.context
    batch = 128
    if shape.gpus:
        batch = 1024 if 1024 * cells * 2 <= MASK_BYTES else 512
    anchors = anchors if unified else 0  # with separate caches a spare sequence would cost a whole context
    return EngineSpec(
        path="",
        slots=slots,
        context=shape.context,
        batch=max(batch, slots + anchors),
        longest_stall_ms=wishes.longest_stall_ms,
        gpu_layers=_gpu_layers(model, shape),
        cpu_expert_layers=shape.cpu_experts,
        devices=shape.gpus if len(shape.gpus) < len(machine.hardware.gpus) else (),
        threads=wishes.threads or (min(4, machine.physical_cores) if whole else machine.physical_cores),
        kv_type=shape.kv_type,
        unified=unified,
        anchors=anchors,
        saved_bytes=min(MOST_SAVED_BYTES, SAVED_STATES * sum(model.state_bytes)),
    )


def _gpu_layers(model: Footprint, shape: _Shape) -> int:
    """llama.cpp counts from the end and counts the output and the unused MTP layers too (llama-model.cpp, 1589)."""
    if shape.on_gpu > model.layers:
        return -1
    return shape.on_gpu + model.unused_layers + 1 if shape.on_gpu else 0


def _lines(model: Footprint, engine: EngineSpec, shape: _Shape) -> list[Line]:
    """Every byte that the shape takes, by place."""
    first = max(0, model.layers - shape.on_gpu) if shape.on_gpu <= model.layers else 0
    gpu, cpu = range(first, model.layers), range(first)
    moved = sum(model.expert_bytes[: engine.cpu_expert_layers]) if shape.on_gpu else 0
    sequences = engine.slots + engine.anchors
    cells = padded(engine.context * (engine.slots if engine.unified else sequences))
    cache = [cells * cache_bytes(values, engine.kv_type) for values in model.cache_values]
    state = [sequences * size for size in model.state_bytes]
    compute = compute_bytes(model, engine.batch, cells if engine.unified else engine.context, sequences)
    shared = "shared by all slots" if engine.unified else "one cache for each slot"
    lines = []
    for place, layers in (("gpu", gpu), ("ram", cpu)):
        here = shape.gpus if place == "gpu" else True
        if not here:
            continue
        output = model.output_bytes if (place == "gpu") == bool(shape.on_gpu) else 0
        output = 0 if place == "ram" and model.tied else output
        weights = sum(model.layer_bytes[i] for i in layers) + output
        weights += model.input_bytes + moved if place == "ram" else -moved
        why = f"{len(layers)} of {model.layers} layers" + (", output" if output else "")
        lines += [
            Line("weights", place, weights, why + (", token embedding" if place == "ram" else "")),
            Line("cache", place, sum(cache[i] for i in layers), f"{cells} tokens in {engine.kv_type}, {shared}"),
            Line(
                "recurrent state", place, sum(state[i] for i in layers), f"{engine.slots} slots + {engine.anchors} kept"
            ),
            Line(
                "compute",
                place,
                compute * max(1, len(shape.gpus)) if place == "gpu" else compute,
                f"batch of {engine.batch}",
            ),
        ]
    return [line for line in lines + _extra_lines(model, engine, shape, cells) if line.bytes]


def _extra_lines(model: Footprint, engine: EngineSpec, shape: _Shape, cells: int) -> list[Line]:
    lines = []
    if shape.gpus:
        lines.append(Line("runtime", "gpu", RUNTIME_BYTES * len(shape.gpus), "CUDA itself"))
        if (
            engine.kv_type != "f16"
        ):  # ggml-cuda/fattn-common.cuh unpacks a layer's keys and values to f16 while it reads
            one_layer = max(model.cache_values) * 2 * (cells if engine.unified else engine.context * engine.slots)
            lines.append(Line("unpacked cache", "gpu", one_layer, "one layer at a time, back to f16"))
    lines.append(
        Line(
            "saved states", "ram", engine.saved_bytes, "conversations that can be continued without reading them again"
        )
    )
    return lines


def _fits(model: Footprint, lines: list[Line], shape: _Shape, machine: Machine, wishes: Wishes) -> bool:
    gpu = sum(line.bytes for line in lines if line.place == "gpu")
    ram = sum(line.bytes for line in lines if line.place == "ram")
    free = sum(machine.hardware.gpus[index].free_bytes - wishes.reserve_bytes for index in shape.gpus)
    # Whole layers are dealt to several GPUs: each may be left with a gap smaller than one layer.
    gap = (len(shape.gpus) - 1) * max(model.layer_bytes) if shape.gpus else 0
    return gpu + gap <= max(0, free) and ram <= machine.available_bytes - RAM_RESERVE_BYTES


def _remarks(engine: EngineSpec, shape: _Shape, context: int, model: Footprint, wishes: Wishes) -> tuple[str, ...]:
    remarks = []
    if engine.context < context:
        remarks.append(f"{context} tokens of context do not fit: one job gets {engine.context}")
    if wishes.slots and engine.slots < wishes.slots:
        remarks.append(f"{wishes.slots} slots were asked for: {engine.slots} fit; less context makes room for more")
    if engine.kv_type != "f16":
        remarks.append("the cache is kept in q8_0 because f16 does not fit")
    if engine.cpu_expert_layers:
        remarks.append(f"experts of {engine.cpu_expert_layers} of {model.layers} layers stay in main memory: slower")
    if shape.gpus and shape.on_gpu <= model.layers:
        remarks.append(f"only {shape.on_gpu} of {model.layers} layers fit on the GPU: much slower than all of them")
    if shape.gpus and engine.slots == 1 and wishes.slots != 1 and engine.context > 4 * LEAST_CONTEXT:
        remarks.append("one job at a time: half the context (--context) makes room for two")
    if not shape.gpus:
        remarks.append("everything runs on the CPU: slow")
    return tuple(remarks)


def _what_would_help(model: Footprint, spec: ModelSpec, machine: Machine, wishes: Wishes, context: int) -> str:
    least = _Shape(min(context, LEAST_CONTEXT) if wishes.context is None else context, model.cache_types[-1])
    need = sum(line.bytes for line in _lines(model, _engine(model, least, 1, 0, machine, wishes), least))
    gpus = ", ".join(f"{gpu.name} {gpu.free_bytes / GIB:.1f} GiB free" for gpu in machine.hardware.gpus) or "no GPU"
    return (
        f"{spec.id} does not fit: its weights take {model.weights_bytes / GIB:.1f} GiB and everything together at least"
        f" {(need + RAM_RESERVE_BYTES) / GIB:.1f} GiB; here are {gpus} and {machine.available_bytes / GIB:.1f} GiB of"
        " main memory. Close other programs, choose a smaller model or quantisation"
        + (", ask for less context" if wishes.context else "")
        + (", or leave less GPU memory reserved." if machine.hardware.gpus else ".")
    )
