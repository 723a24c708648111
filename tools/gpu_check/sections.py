"""The sections of the report, in the order of what is missed most if the time runs out."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tools.bench import comparison
from tools.bench.engine.__main__ import Options, run
from tools.bench.engine.cases import Case, decode, lone_prompt
from tools.bench.engine.ours import planned
from tools.bench.engine.sides import Shape
from tools.gpu_check import loaded, logits, memory, processes, random_model, random_projector, seen
from tools.gpu_check.processes import NotMeasured
from tools.gpu_check.random_model import QWEN36_35B_A3B, TINY
from tools.gpu_check.random_projector import QWEN36_35B_A3B_EYES, TINY_EYES
from worker.bindings import probe
from worker.machine import hardware
from worker.planning.explain import MIB
from worker.planning.footprint import Eyes

TRAINED = Path(__file__).parents[2] / "tools" / "tiny_models" / "tiny-qwen3-chat.gguf"


class CheckFailed(Exception):
    """Something that has to hold does not; the text says what."""


class NoGpu(CheckFailed):
    """llama.cpp finds none."""


@dataclass(frozen=True)
class Sizes:
    """What is measured: `cells` are held by ended chats, in sequences of up to `context` each."""

    shape: random_model.Shape
    widths: tuple[int, ...]
    decoded: int
    prompt: int
    cells: tuple[int, int]
    context: int
    holders: int


LARGE = Sizes(QWEN36_35B_A3B, (1, 4, 16, 64), 128, 32_000, (10_000, 500_000), 65_536, 8)
SMALL = Sizes(TINY, (1, 4), 24, 700, (60, 900), 512, 2)


@dataclass(frozen=True)
class Wanted:
    tiny: bool
    cpu: bool
    peer: Path | None
    pairs: int
    folder: Path  # for the models

    @property
    def sizes(self) -> Sizes:
        return SMALL if self.tiny else LARGE

    @property
    def threads(self) -> int:
        return 1 if self.cpu else min(4, os.cpu_count() or 1)

    def shape(self, model: Path, slots: int, context: int) -> Shape:
        return Shape(model, slots, context, self.threads, not self.cpu)


def device(wanted: Wanted) -> Iterator[str]:
    """What is here. Raises NoGpu."""
    build = probe.ask()
    machine = hardware.detect(build)
    gpus = [f"{gpu.name}, {gpu.memory_bytes / 2**30:.0f} GiB" for gpu in machine.hardware.gpus]
    if not wanted.cpu and not gpus:
        why = "; ".join(filter(None, (build.problem, build.said, build.system, *machine.notes)))
        raise NoGpu(f"llama.cpp finds no GPU: {why}")
    yield f"- GPU: {', '.join(gpus) if gpus and not wanted.cpu else 'none (run on the CPU)'}"
    yield f"- CPU: {machine.hardware.cpu}, {machine.hardware.cpu_cores} cores"
    yield f"- llama.cpp: {build.system}"


# ---- correctness ---------------------------------------------------------------------------------------------------


def correctness(wanted: Wanted) -> Iterator[str]:
    """The same logits on both devices, all layers on the GPU. Raises CheckFailed, when all models have been tried."""
    models = {"trained, attention only": TRAINED} if TRAINED.exists() else {}
    shapes = {"random, hybrid, tiny": TINY}
    if not wanted.tiny:  # the true widths, heads and experts, which have kernels of their own
        shapes["random, hybrid, 4 layers of the true shape"] = replace(QWEN36_35B_A3B, layers=4, vocab=8192)
    for name, shape in shapes.items():
        models[name] = made(wanted.folder / f"{name}.gguf", shape)
    wrong = []
    for name, path in models.items():
        try:
            yield f"- {alike(name, path, wanted)}"
        except (CheckFailed, RuntimeError) as error:
            wrong.append(name)
            yield f"- **{error}**"
    if wrong:
        raise CheckFailed(f"not as on the CPU: {'; '.join(wrong)}")


def alike(name: str, model: Path, wanted: Wanted) -> str:
    expected, _ = logits.ask(model, wanted.folder, 0)
    found, offloaded = logits.ask(model, wanted.folder, 0 if wanted.cpu else -1)
    put, _, of = offloaded.partition("/")
    if not wanted.cpu and (not put or put != of):
        raise CheckFailed(f"{name}: not all layers went to the GPU: {offloaded or 'none'}")
    likeness = logits.compare(expected, found)
    line = f"{name}: {likeness.alike:.0%} of {len(found)} rows alike, worst cosine {likeness.least:.5f}, "
    line += f"likeliest token the same in {likeness.same:.0%}; layers offloaded: {offloaded or 'none'}"
    if not likeness.good:
        raise CheckFailed(f"the logits differ from the CPU's: {line}")
    return line


def made(path: Path, shape: random_model.Shape) -> Path:
    if not path.exists():
        random_model.write(path, shape)
    return path


def large(wanted: Wanted) -> Path:
    """The model that speed is measured with."""
    return made(wanted.folder / "speed.gguf", wanted.sizes.shape)


# ---- speed ---------------------------------------------------------------------------------------------------------


def decoding(wanted: Wanted) -> Iterator[str]:
    widths = wanted.sizes.widths
    yield _beside_the_peer(decode(widths, slots=widths[-1], tokens=wanted.sizes.decoded), wanted)


def prompt(wanted: Wanted) -> Iterator[str]:
    """How fast a lone prompt is read: no streams beside it, so only the bound on a step holds it back."""
    yield _beside_the_peer(lone_prompt(wanted.sizes.prompt), wanted)


def _beside_the_peer(case: Case, wanted: Wanted) -> str:
    options = Options(wanted.peer, large(wanted), None, wanted.pairs, wanted.threads, not wanted.cpu)
    os.environ["OMP_NUM_THREADS"] = str(wanted.threads)
    return comparison.table(asyncio.run(run([case], options)))


# ---- memory --------------------------------------------------------------------------------------------------------


def contexts(wanted: Wanted) -> Iterator[str]:
    """Raises CheckFailed when another process of ours takes memory of the card than the engine."""
    if wanted.cpu:
        raise NotMeasured("it is run on the CPU")
    engine, preparer = asyncio.run(processes.added(made(wanted.folder / "tiny.gguf", TINY)))
    yield f"- contexts on the card: {engine} by the engine, {preparer} by the preparer beside it"
    if engine == 0:
        raise NotMeasured("the driver does not name our processes")
    if preparer:
        raise CheckFailed("the preparer takes memory of the card")


def cells(wanted: Wanted) -> Iterator[str]:
    """The layout of the plan: its memory, its first steps, and what others' cells cost; and the other kind of cache."""
    sizes = wanted.sizes
    layout = planned(wanted.shape(large(wanted), loaded.STREAMS + sizes.holders, sizes.context))
    found = loaded.ask(layout.engine, sizes.cells)
    gpus = {address.partition("@")[0] for address in layout.engine.devices}
    yield f"```\n{layout.explain()}\n```\n\n{memory.table(layout.lines, found.log, gpus)}\n"
    yield f"Loaded in {found.load_s:.1f} s. Seconds of a step, the first time and the second:\n"
    for name, (first, second) in found.first.items():
        yield f"- {name}: {first:.3f}, {second:.3f}"
    yield f"\nMilliseconds of a step of {loaded.STREAMS} rows, beside cells of ended chats:\n"
    yield _steps(layout.engine.unified, found)
    other = replace(layout.engine, unified=not layout.engine.unified, anchors=0)
    yield _steps(other.unified, loaded.ask(other, sizes.cells))


def eyes(wanted: Wanted) -> Iterator[str]:
    """What pictures take: time, memory beside the plan's line, and of the steps of streams beside them."""
    path = wanted.folder / "eyes.gguf"
    size = random_projector.write(path, TINY_EYES if wanted.tiny else QWEN36_35B_A3B_EYES)
    layout = planned(wanted.shape(large(wanted), seen.STREAMS, 4096))
    found = seen.ask(replace(layout.engine, projector=str(path)))
    line = Eyes(str(path), size).bytes / MIB
    taken = f"{found.opened / MIB:,.0f} at load, {found.used / MIB:,.0f} after pictures"
    yield f"- memory, MiB: {line:,.0f} planned, {taken}"
    for tokens, (least, middle, most) in found.encodes.items():
        yield f"- an encode of {tokens:,} tokens: {middle:.1f} ms ({least:.1f} to {most:.1f})"
    for name, (middle, most) in found.steps.items():
        yield f"- a step of {seen.STREAMS} streams {name}: {middle:.2f} ms, at most {most:.2f}"
    if not wanted.cpu and found.used > Eyes(str(path), size).bytes:
        raise CheckFailed("the projector takes more memory than the plan has for it")


def _steps(unified: bool, found: loaded.Loaded) -> str:
    kind = "one cache for all" if unified else "a cache for each"
    return f"- {kind}: " + ", ".join(f"{took:.2f} beside {held:,}" for held, took in found.steps.items())


SECTIONS = (
    ("Device", device),
    ("Logits beside the CPU's", correctness),
    ("Decoding", decoding),
    ("A lone prompt", prompt),
    ("Pictures", eyes),
    ("Processes on the card", contexts),
    ("Memory, first steps, and cells that others hold", cells),
)
