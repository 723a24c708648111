"""How a model is laid out on this machine: what goes to the GPU, how many jobs at once, how much context for each.

Pure: the header, the machine and the owner's wishes go in, an EngineSpec and its reasons come out. Shapes are tried in
the order of `_choices`, best first, until one fits with as many slots as it is to have; then slots are added while they
fit.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

from program.fits import (
    CPU_SLOTS,
    ENOUGH_CONTEXT,
    ENOUGH_SLOTS,
    LEAST_CONTEXT,
    MANY_MOVED,
    MOST_SAVED_BYTES,
    RAM_RESERVE_BYTES,
    SAVED_STATES,
    USEFUL_CONTEXT,
    most_slots,
)
from program.gguf import Header
from wire.catalog import ModelSpec
from worker.engine.port import EngineSpec
from worker.machine.description import Machine
from worker.planning import drafts
from worker.planning.explain import Plan
from worker.planning.footprint import MIB, Eyes, Footprint, footprint, scores_bytes
from worker.planning.layout import GIB, Shape, lines, split

MAX_SEQUENCES = 256  # LLAMA_MAX_SEQ
MAX_THREADS = 512  # GGML_MAX_N_THREADS: with more it crashes
BLIND = "no pictures:"
SLOW_TO_SEE = f"{BLIND} a CPU is slow to see; --vision on has it tried"
# In a shared cache every row attends to every cell in use, those of others and of ended chats too; in one of its own to
# its own. 64k cells of Qwen3.6-35B-A3B are 1.3 GB to read in a step, 1.5 ms beside 8 on an RTX 3090, and a third more
# for 512 rows of a prompt, whose mask also costs 1 ns a row and cell on the host. So much buys the prefixes that a
# shared cache keeps and forks for nothing.
MOST_SHARED_CELLS = 65_536
# On a CPU there is no such trade: one row of SmolLM2, 64 tokens deep, took 18.2 ms of a busy AMD EPYC thread by itself,
# 20.8 beside 300 cells of an ended chat, 23.8 beside 700, and 18.5 in a cache of its own beside another of 600.
# On a CPU flash attention goes row by row where a sequence has fewer than 64 in a batch; the plain kind multiplies
# matrices. On SmolLM2 at depth 1,024, in processor time of one thread of an AMD EPYC, 31 rows take 356 ms with it and
# 245 without, 8 rows 99 and 70, one row 18.1 and 17.7, 128 rows 975 and 955; on an Intel 31 rows take 628 and 363. Of
# all sizes from 1 to 128 rows, at 128 and 1,024 tokens, the plain kind was slower in two, by 4 and 7 %: so nothing is
# tried out at load, and a model answers the same after each start. But it keeps the scores of one layer, and a long
# context is worth more than these.
SCORES_BYTES = 256 * MIB
MASK_BYTES = 256 * MIB  # a bigger batch is not worth a larger mask than this
# Experts in main memory are copied to the GPU once for each batch of a prompt, however many rows it has: 11 GiB on a
# card of 12. A batch four times as large reads a long prompt twice as fast, for 0.4 GiB of the card (reckoned).
BATCH, LARGE_BATCH = 512, 2048


class PlanError(Exception):
    """The model does not fit, or the owner asked for what cannot be; the text says what would help."""


class DoesNotFit(PlanError):
    """There is not enough memory now; there may be once other programs are closed."""


@dataclass(frozen=True)
class Wishes:
    """What the owner has decided; None leaves it to the plan."""

    slots: int | None = None
    context: int | None = None
    threads: int | None = None
    longest_stall_ms: int = 500
    reserve_bytes: int = 512 * MIB  # of each GPU, left to the owner's own use
    gpu: bool = True  # False: llama.cpp was built without GPU support, or the owner wants the GPU for something else
    see: bool = False  # pictures in any case: on a CPU too, and whatever context is left
    drafts: bool = True  # False: nothing is guessed ahead, even where it would pay


def plan(
    header: Header, path: str, spec: ModelSpec, machine: Machine, wishes: Wishes, eyes: Eyes | None = None
) -> Plan:
    """Lay out the model at `path`, with its projector if it has one and sight costs it little else.

    Raises PlanError, DoesNotFit, or GgufError for a header without its sizes.
    """
    model = footprint(header)
    context = _wanted_context(model, spec, wishes)
    if wishes.slots is not None and not 1 <= wishes.slots <= MAX_SEQUENCES // 2:
        raise PlanError(f"{wishes.slots} slots were asked for; between 1 and {MAX_SEQUENCES // 2} are possible")
    if wishes.threads is not None and wishes.threads > MAX_THREADS:
        raise PlanError(f"{wishes.threads} threads were asked for; llama.cpp takes {MAX_THREADS} at most")
    seeing = _best(model, machine, wishes, context, eyes) if eyes else None
    chosen, blind = seeing, ""
    if not (seeing and wishes.see):
        plain = _best(model, machine, wishes, context, None)
        blind = _not_worth_it(model, seeing, plain) if eyes and plain else ""
        chosen = plain if blind or not seeing else seeing
    if chosen is None:
        raise DoesNotFit(_what_would_help(model, spec, machine, wishes, context))
    engine, shape = chosen
    notes = machine.notes + _remarks(engine, shape, context, model, wishes)
    gpus = tuple(f"{machine.hardware.gpus[i].name} ({machine.devices[i].address})" for i in shape.gpus)
    table = tuple(lines(model, engine, shape, machine))
    engine = replace(engine, path=path, projector=shape.eyes.path if shape.eyes else None)
    return Plan(spec.id, engine, table, notes, gpus, blind)


Fit = tuple[EngineSpec, Shape]


def _best(model: Footprint, machine: Machine, wishes: Wishes, context: int, eyes: Eyes | None) -> Fit | None:
    for least, shapes in _choices(model, machine, wishes, context):
        tried = (replace(shape, eyes=eyes) for shape in shapes)
        found = [fit for shape in tried if (fit := _with_most_slots(model, shape, least, machine, wishes))]
        if found:
            return max(found, key=lambda fit: fit[0].slots)  # of equals the first, on the fewest cards
    return None


def _not_worth_it(model: Footprint, seeing: Fit | None, plain: Fit) -> str:
    """Return what sight would cost, if that is too much; empty: it is worth it."""
    if seeing is None:
        return f"{BLIND} there is no memory for its projector"
    (engine, shape), (other, without) = seeing, plain
    if not without.gpus:
        return SLOW_TO_SEE
    if not shape.gpus or (without.whole(model) and not shape.whole(model)):
        return f"{BLIND} beside its projector less of the model would fit on the GPU; --vision on has it so"
    if engine.context < min(USEFUL_CONTEXT, other.context):
        shorter = f"a job would get {engine.context} tokens instead of {other.context}"
        return f"{BLIND} beside its projector {shorter}; --vision on has it so"
    return ""


def _wanted_context(model: Footprint, spec: ModelSpec, wishes: Wishes) -> int:
    if wishes.context is not None and wishes.context > model.context:
        raise PlanError(f"a context of {wishes.context} was asked for, but {spec.id} knows only {model.context} tokens")
    if wishes.context is not None and wishes.context < 256:
        raise PlanError(f"a context of {wishes.context} tokens serves nobody; ask for at least 256")
    return min(wishes.context or spec.context, model.context)


def _choices(model: Footprint, machine: Machine, wishes: Wishes, context: int) -> Iterator[tuple[int, list[Shape]]]:
    """Best first: the least number of slots to be had, and shapes that differ only in their GPUs.

    Enough jobs of enough context, the whole model on the GPU: with an exact cache, with one in q8_0, with some experts
    in main memory. Then the same for fewer jobs, and for less and less context; then only some layers on the GPU; then
    none.
    """
    halved = _ladder(context, wishes)
    cards = _cards(machine, wishes)
    moved = range(1, model.layers + 1) if any(model.expert_bytes) else range(0)

    def shapes(tokens: int, kv: int, on_gpu: int = model.layers, experts: int = 0) -> list[Shape]:
        return [Shape(tokens, model.cache_types[kv], gpus, on_gpu, experts) for gpus in cards]

    # who names the slots is content with less context for them, and who names the context with fewer slots
    shortest = min(context, ENOUGH_CONTEXT if wishes.slots is None else LEAST_CONTEXT)
    enough = wishes.slots or (ENOUGH_SLOTS if wishes.context is None else 1)
    long = [tokens for tokens in halved if tokens >= shortest]
    short = [tokens for tokens in halved if tokens <= max(shortest, ENOUGH_CONTEXT)]
    for least, ladder in ((enough, [long]), (1, [[tokens] for tokens in short or halved])):
        for some in ladder:
            yield from ((least, shapes(tokens, kv)) for kv, tokens in product(range(len(model.cache_types)), some))
            yield from ((least, shapes(tokens, -1, experts=experts)) for experts, tokens in product(moved, some))
    some_layers = range(model.layers - 1, model.layers // 4, -1)  # fewer than a quarter gain nothing
    yield from ((1, shapes(tokens, -1, layers)) for tokens, layers in product(short or halved, some_layers))
    yield from ((1, [Shape(tokens, kv_type)]) for tokens, kv_type in product(halved, model.cache_types))


def _ladder(context: int, wishes: Wishes) -> list[int]:
    """Return the lengths of context to try: the one that is wanted, and its halves unless the owner named it."""
    found = [context]
    while wishes.context is None and found[-1] // 2 >= min(context, LEAST_CONTEXT):
        found.append(found[-1] // 2)
    return found


def _cards(machine: Machine, wishes: Wishes) -> list[tuple[int, ...]]:
    """Return the sets of GPUs to try: the one with most free memory, the two with most, and so on to all of them."""
    gpus = machine.hardware.gpus if wishes.gpu else ()
    best = sorted(range(len(gpus)), key=lambda index: gpus[index].free_bytes, reverse=True)
    return [tuple(sorted(best[:count])) for count in range(1, len(gpus) + 1)]


def _with_most_slots(model: Footprint, shape: Shape, least: int, machine: Machine, wishes: Wishes) -> Fit | None:
    """Return the engine with as many slots as fit, and spare sequences for kept prefixes where these cost no cache."""
    most = _default_slots(shape, machine) if wishes.slots is None else wishes.slots
    spare = 8 if shape.gpus else 2

    def laid_out(slots: int, anchors: int) -> EngineSpec | None:
        engine = _engine(model, shape, slots, anchors, machine, wishes)
        for tried in dict.fromkeys((engine, replace(engine, flash_attention=True))):
            if (dealt := split(model, tried, shape, machine, wishes.reserve_bytes)) is not None:
                return replace(tried, split=dealt if len(dealt) > 1 else ())
        return None

    if not laid_out(min(least, most), 0):  # most shapes end here
        return None
    counts = product(range(most, 0, -1), (spare, spare // 2, 1, 0))
    found = next(engine for slots, anchors in counts if (engine := laid_out(slots, anchors)))
    if wishes.drafts:
        kept = wishes.slots or ENOUGH_SLOTS
        found = drafts.going_back(model, shape, found, machine, wishes.reserve_bytes, kept)
    return found, shape


def _default_slots(shape: Shape, machine: Machine) -> int:
    """Return the number of slots to try for: by memory, which goes with a card's speed."""
    if shape.on_gpu == 0:
        return CPU_SLOTS
    gpus = (machine.hardware.gpus[index] for index in shape.gpus)
    return most_slots(sum(gpu.memory_bytes for gpu in gpus if not gpu.shared))


def _engine(model: Footprint, shape: Shape, slots: int, anchors: int, machine: Machine, wishes: Wishes) -> EngineSpec:
    unified = bool(shape.gpus) and (slots == 1 or slots * shape.context <= MOST_SHARED_CELLS)
    if not unified:
        # a spare sequence costs a whole context: a single slot has one, for two conversations that take turns
        anchors = min(anchors, 1) if slots == 1 else 0
    cells = slots * shape.context if unified else shape.context
    draft_rows = drafts.ROWS if wishes.drafts and not any(model.state_bytes) else 0
    batch = max(_batch(model, shape, cells), slots + anchors + draft_rows)
    return EngineSpec(
        path="",
        slots=slots,
        context=shape.context,
        batch=batch,
        longest_stall_ms=wishes.longest_stall_ms,
        gpu_layers=_gpu_layers(model, shape),
        cpu_expert_layers=shape.cpu_experts,
        devices=tuple(machine.devices[index].address for index in shape.gpus),
        threads=wishes.threads or (min(4, machine.physical_cores) if shape.whole(model) else machine.physical_cores),
        kv_type=shape.kv_type,
        flash_attention=bool(shape.gpus) or shape.kv_type != "f16" or scores_bytes(model, batch, cells) > SCORES_BYTES,
        unified=unified,
        anchors=anchors,
        draft_rows=draft_rows,
        saved_bytes=min(MOST_SAVED_BYTES, SAVED_STATES * sum(model.state_bytes)),
    )


def _batch(model: Footprint, shape: Shape, cells: int) -> int:
    if not shape.gpus:
        return 128
    if shape.cpu_experts > MANY_MOVED * model.layers:
        return LARGE_BATCH
    return 2 * BATCH if 2 * BATCH * cells * 2 <= MASK_BYTES else BATCH


def _gpu_layers(model: Footprint, shape: Shape) -> int:
    """llama.cpp counts from the end and counts the output and the unused MTP layers too (llama-model.cpp, 1589)."""
    if shape.on_gpu == model.layers:
        return -1
    return shape.on_gpu + model.unused_layers + 1 if shape.on_gpu else 0


def _remarks(engine: EngineSpec, shape: Shape, context: int, model: Footprint, wishes: Wishes) -> tuple[str, ...]:
    remarks = []
    if engine.context < context and engine.slots > 1:
        remarks.append(
            f"a job gets {engine.context} of {context} tokens, so that {engine.slots} are served at once:"
            " --context names another length"
        )
    elif engine.context < context:
        remarks.append(f"{context} tokens of context do not fit: one job gets {engine.context}")
    if wishes.slots and engine.slots < wishes.slots:
        remarks.append(f"{wishes.slots} slots were asked for: {engine.slots} fit; less context makes room for more")
    if engine.kv_type != "f16":
        remarks.append("the cache is kept in q8_0: in f16 there is no room for as much")
    if engine.cpu_expert_layers:
        remarks.append(f"experts of {engine.cpu_expert_layers} of {model.layers} layers stay in main memory: slower")
    if shape.gpus and shape.on_gpu < model.layers:
        remarks.append(f"only {shape.on_gpu} of {model.layers} layers fit on the GPU: much slower than all of them")
    if shape.gpus and engine.slots == 1 and wishes.slots != 1 and engine.context > 4 * LEAST_CONTEXT:
        remarks.append("one job at a time: half the context (--context) makes room for two")
    if wishes.drafts and not engine.draft_rows:
        remarks.append(drafts.why_none(model))
    elif wishes.drafts and model.head and not engine.head:
        remarks.append("its prediction head guesses nothing: there is no memory for it")
    if not shape.gpus:
        remarks.append("everything runs on the CPU: slow")
    return tuple(remarks)


def _what_would_help(model: Footprint, spec: ModelSpec, machine: Machine, wishes: Wishes, context: int) -> str:
    least = Shape(min(context, LEAST_CONTEXT) if wishes.context is None else context, model.cache_types[-1])
    engine = _engine(model, least, 1, 0, machine, wishes)
    need = sum(line.bytes for line in lines(model, engine, least, machine))
    gpus = ", ".join(f"{gpu.name} {gpu.free_bytes / GIB:.1f} GiB free" for gpu in machine.hardware.gpus) or "no GPU"
    return (
        f"{spec.id} does not fit: its weights take {model.weights_bytes / GIB:.1f} GiB and everything together at least"
        f" {(need + RAM_RESERVE_BYTES) / GIB:.1f} GiB; here are {gpus} and {machine.available_bytes / GIB:.1f} GiB of"
        " main memory. Close other programs, choose a smaller model or quantisation"
        + (", ask for less context" if wishes.context else "")
        + (", or leave less GPU memory reserved." if machine.hardware.gpus else ".")
    )
