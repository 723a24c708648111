"""About how a model is laid out on a machine, from the few sizes that its entry in the catalog gives.

For who asks which model fits before its files are anywhere near: an owner's table (`supernet-worker --plan`) and the
dashboard's. The plan that a worker serves by reads the file's header and counts every buffer (worker/planning); here
what it computes in is a round figure, on the large side. Both try the same shapes in the same order, with the constants
that stand here. Pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from wire.catalog import ModelSpec, Sizes
from wire.media_catalog import MediaSpec

MIB, GIB = 2**20, 2**30
RAM_RESERVE_BYTES = 1 * GIB  # for the daemon itself, the second process and the system
GPU_RESERVE_BYTES = 512 * MIB  # of each GPU, left to the owner's own use
# Of each GPU: CUDA context, kernels, cuBLAS workspaces; llama.cpp's log does not show them. A large card has more
# multiprocessors, each with its part of the context, and cuBLAS takes 32 MiB there instead of 8.
RUNTIME_BYTES, LARGE_RUNTIME_BYTES, LARGE_CARD_BYTES = 640 * MIB, 900 * MIB, 40 * GIB
MEDIA_RUNTIME_BYTES = 900 * MIB  # of a GPU: PyTorch's context, kernels and workspaces, a guess on the large side
LEAST_CONTEXT = 4096  # below this a smaller cache is no longer a service: say that it does not fit
# What a GPU is to serve before all: so many jobs at once, each of a program that works on files. Context is given away
# for that, then the exactness of the cache, then the experts of some layers: all of it costs less than waiting.
ENOUGH_SLOTS, ENOUGH_CONTEXT = 4, 32_768
CPU_SLOTS = 2
USEFUL_CONTEXT = 16_384  # of a job: pictures are not worth less of it than this
# libmtmd reserves at load what a picture of 46 x 46 tokens takes: 248 MiB of a GPU for the projector of Qwen3.5-27B,
# and 25 of main memory; on a CPU the first picture of 1,024 tokens took 136 MiB.
EYES_COMPUTE_BYTES = 320 * MIB
COMPUTE_BYTES = 384 * MIB  # of each GPU, but for the mask: the largest of the catalog's takes 350
MASK_BYTES = 256 * MIB  # for as many rows of a prompt as there are, so much at most
SAVED_STATES = 32  # of a hybrid model, in main memory: where conversations can be continued
MOST_SAVED_BYTES = 2 * GIB  # about 32 of Qwen3.6-35B-A3B's 63 MiB
MOST_GUESSING = 4  # streams of a hybrid model that guess in one step: the state of each may be saved before
MANY_MOVED = 0.25  # of the experts: from there on larger batches read prompts
EXPERT_PARTS, LAYER_PARTS = 40, 8  # so finely experts leave a card here, or where there are none layers do

Place = Literal["gpu", "split", "cpu", "none"]
RANK: tuple[Place, ...] = ("gpu", "split", "cpu", "none")


@dataclass(frozen=True)
class Card:
    """A GPU: its memory, and what of it may be taken, in bytes. `shared`: it is main memory too."""

    bytes: int
    free: int
    shared: bool = False


@dataclass(frozen=True)
class Room:
    """What a machine has to give. `ram`: main memory that can be taken, the reserve not yet off."""

    cards: tuple[Card, ...]
    ram: int


@dataclass(frozen=True)
class Fit:
    """`place`: whole on the GPUs, partly (experts or layers in main memory: slower), on the CPU alone, or nowhere;
    then the bytes say what the least would take. A pipeline for media makes one thing at a time and has no context."""

    place: Place
    slots: int
    context: int
    gpu_bytes: int
    ram_bytes: int
    sees: bool = False


def card(memory: int) -> Card:
    """A card of so many bytes with nothing else on it."""
    return Card(memory, max(0, memory - GPU_RESERVE_BYTES - memory // 64))  # its driver keeps a part to itself


def runtime_bytes(memory: int) -> int:
    return LARGE_RUNTIME_BYTES if memory >= LARGE_CARD_BYTES else RUNTIME_BYTES


def most_slots(memory: int) -> int:
    """The number of slots to try for on GPUs of so much memory, which goes with their speed. Main memory that a GPU
    shares is slow, however much there is, and counts as none."""
    return 32 if memory >= 78 * GIB else 16 if memory >= 40 * GIB else 8


def fit(spec: ModelSpec | MediaSpec, room: Room) -> Fit | None:
    """None: the catalog does not say how large it is."""
    if isinstance(spec, MediaSpec):
        return None if spec.memory_bytes is None else _media(spec.memory_bytes, room)
    return None if spec.sizes is None else _chat(spec.sizes, spec.context, room)


def download_bytes(spec: ModelSpec | MediaSpec, sees: bool) -> int | None:
    """What is to be fetched of it, about, with its projector where it is to see; nothing of a file of its owner's.
    None: only the hub knows."""
    if spec.repository is None:
        return 0
    if isinstance(spec, MediaSpec):
        return spec.size_bytes
    if spec.sizes is not None:
        return spec.sizes.files + (spec.sizes.projector if sees else 0)
    files = (*spec.files, spec.projector) if spec.projector and sees else spec.files
    known = [file.size_bytes for file in files if file.size_bytes is not None]
    return sum(known) if len(known) == len(files) else None


def order(spec: ModelSpec | MediaSpec, found: Fit | None, missed: int) -> tuple[int, int, int]:
    """A key that sorts the best first: where it runs, then what nobody else serves (`missed` requests wait or were
    refused), then what earns most; of equals as the catalog has them."""
    earns = spec.price.completion if isinstance(spec, ModelSpec) else 0
    return len(RANK) if found is None else RANK.index(found.place), -missed, -earns


# ---- inside ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Try:
    """A shape. `gone`: the part of the experts, or where there are none of the layers, that is in main memory."""

    least: int
    context: int
    exact: bool
    gone: float = 0.0


def _chat(sizes: Sizes, context: int, room: Room) -> Fit:
    plain = _best(sizes, context, room, 0)
    if plain is None:
        return _on_cpu(sizes, context, room)
    if sizes.projector:
        seeing = _best(sizes, context, room, sizes.projector + EYES_COMPUTE_BYTES)
        if seeing and seeing.place == plain.place and seeing.context >= min(USEFUL_CONTEXT, plain.context):
            return replace(seeing, sees=True)
    return plain


def _best(sizes: Sizes, context: int, room: Room, eyes: int) -> Fit | None:
    if not room.cards:
        return None
    return next((found for one in _tries(sizes, context) if (found := _on_gpus(sizes, one, room, eyes))), None)


def _on_cpu(sizes: Sizes, context: int, room: Room) -> Fit:
    on_cpu = [Fit("cpu", CPU_SLOTS, tokens, 0, _in_ram(sizes, tokens, CPU_SLOTS)) for tokens in _ladder(context)]
    on_cpu.append(Fit("cpu", 1, on_cpu[-1].context, 0, _in_ram(sizes, on_cpu[-1].context, 1)))
    for each in on_cpu:
        if each.ram_bytes + RAM_RESERVE_BYTES <= room.ram:
            return each
    return Fit("none", 0, 0, 0, on_cpu[-1].ram_bytes + RAM_RESERVE_BYTES)


def _ladder(context: int) -> list[int]:
    found = [context]
    while found[-1] // 2 >= min(context, LEAST_CONTEXT):
        found.append(found[-1] // 2)
    return found


def _tries(sizes: Sizes, context: int) -> Iterator[_Try]:
    """Best first, as the plan has them: see its `_choices`."""
    shortest = min(context, ENOUGH_CONTEXT)
    halved = _ladder(context)
    long = [tokens for tokens in halved if tokens >= shortest]
    short = [tokens for tokens in halved if tokens <= max(shortest, ENOUGH_CONTEXT)]
    moved = [part / EXPERT_PARTS for part in range(1, EXPERT_PARTS + 1)] if sizes.experts else []
    for least, ladders in ((ENOUGH_SLOTS, [long]), (1, [[tokens] for tokens in short])):
        for ladder in ladders:
            yield from (_Try(least, tokens, exact) for exact in (True, False) for tokens in ladder)
            yield from (_Try(least, tokens, False, gone) for gone in moved for tokens in ladder)
    if not sizes.experts:
        some = [part / LAYER_PARTS for part in range(1, LAYER_PARTS * 3 // 4)]  # fewer than a quarter gain nothing
        yield from (_Try(1, tokens, False, gone) for tokens in short for gone in some)


def _on_gpus(sizes: Sizes, one: _Try, room: Room, eyes: int) -> Fit | None:
    movable = sizes.experts or sizes.files - sizes.input
    away = int(movable * one.gone)
    weights = sizes.files - sizes.input - away + eyes
    token = sizes.token if one.exact else sizes.token * 17 // 32
    whole_job = token * one.context + sizes.job
    job_away = 0 if sizes.experts else int(whole_job * one.gone)
    job = whole_job - job_away + (0 if one.exact else sizes.token // 10 * one.context)  # a layer at a time is unpacked
    each = COMPUTE_BYTES + min(MASK_BYTES, 2048 * one.context)
    if one.gone:  # what is away is copied to the card while a prompt is read, of experts in larger batches
        each += movable // (EXPERT_PARTS if sizes.experts else 4 * LAYER_PARTS)
        each += COMPUTE_BYTES if sizes.experts and one.gone > MANY_MOVED else 0
    taken = sum(runtime_bytes(card.bytes) + each for card in room.cards) + weights
    most = most_slots(sum(card.bytes for card in room.cards if not card.shared))
    slots = min((sum(card.free for card in room.cards) - taken) // job, most)
    ram = sizes.input + min(MOST_SAVED_BYTES, SAVED_STATES * sizes.job) + away + job_away * max(1, slots)
    shared = taken + job * slots if any(card.shared for card in room.cards) else 0  # is main memory too
    ram += sizes.job * min(max(1, slots), MOST_GUESSING)
    if slots < one.least or ram + shared + RAM_RESERVE_BYTES > room.ram:
        return None
    return Fit("split" if one.gone else "gpu", slots, one.context, taken + job * slots, ram)


def _in_ram(sizes: Sizes, context: int, slots: int) -> int:
    saved = min(MOST_SAVED_BYTES, SAVED_STATES * sizes.job)
    return sizes.files + (sizes.token * context + 3 * sizes.job) * slots + saved + COMPUTE_BYTES


def _media(memory: int, room: Room) -> Fit:
    """On one GPU, or in main memory where there is none: there twice, as a CPU computes in 32 bits."""
    if room.cards:
        need = memory + MEDIA_RUNTIME_BYTES
        fits = need <= max(card.free for card in room.cards)
        return Fit("gpu", 1, 0, need, 0) if fits else Fit("none", 0, 0, need, 0)
    fits = 2 * memory + RAM_RESERVE_BYTES <= room.ram
    return Fit("cpu", 1, 0, 0, 2 * memory) if fits else Fit("none", 0, 0, 0, 2 * memory + RAM_RESERVE_BYTES)
