"""scripts/gpu_check: device, offloading, correctness and speed of this machine's GPU, with models made on the spot.

Needs no network. Prints a report in Markdown; fails if anything that has to hold does not.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from scripts import bench_rows
from scripts.bench_engine.__main__ import Options, run
from scripts.bench_engine.cases import decode
from scripts.bench_engine.sides import BenchError
from scripts.check_gpu import logits, random_model
from scripts.check_gpu.random_model import QWEN36_35B_A3B, TINY, Shape
from worker import hardware
from worker.engine import probe

TRAINED = Path(__file__).parents[2] / "tests" / "models" / "tiny-qwen3-chat.gguf"
WIDTHS, TINY_WIDTHS = (1, 4, 16, 64), (1, 4)
PAIRS = 5


class CheckFailed(Exception):
    """Something that has to hold does not; the text says what."""


@dataclass(frozen=True)
class Wanted:
    tiny: bool
    cpu: bool
    peer: Path | None
    pairs: int
    folder: Path  # for the models


@contextmanager
def section(name: str) -> Iterator[None]:
    began = time.monotonic()
    print(f"{name} ...", file=sys.stderr, flush=True)
    yield
    print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def device(wanted: Wanted) -> list[str]:
    """What is here. Raises CheckFailed without a GPU that llama.cpp can use."""
    build = probe.ask()
    machine = hardware.detect(build)
    gpus = [f"{gpu.name}, {gpu.memory_bytes / 2**30:.0f} GiB" for gpu in machine.hardware.gpus]
    if not wanted.cpu and not gpus:
        why = "; ".join(filter(None, (build.problem, build.said, build.system, *machine.notes)))
        raise CheckFailed(f"llama.cpp finds no GPU: {why}")
    found = ", ".join(gpus) if gpus and not wanted.cpu else "none (run on the CPU)"
    return [
        f"GPU: {found}",
        f"CPU: {machine.hardware.cpu}, {machine.hardware.cpu_cores} cores",
        f"llama.cpp: {build.system}",
    ]


def correctness(wanted: Wanted) -> list[str]:
    """The same logits on both devices, all layers on the GPU. Raises CheckFailed."""
    models = {"trained, attention only": TRAINED} if TRAINED.exists() else {}
    shapes = {"random, hybrid, tiny": TINY}
    if not wanted.tiny:  # the true widths, heads and experts, which have kernels of their own
        shapes["random, hybrid, 4 layers of the true shape"] = replace(QWEN36_35B_A3B, layers=4, vocab=8192)
    for name, shape in shapes.items():
        models[name] = made(wanted.folder / f"{name}.gguf", shape)
    return [_alike(name, path, wanted) for name, path in models.items()]


def _alike(name: str, model: Path, wanted: Wanted) -> str:
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


def made(path: Path, shape: Shape) -> Path:
    size = random_model.write(path, shape)
    print(f"wrote {path.name}, {size / 1e9:.1f} GB", file=sys.stderr)
    return path


def speed(wanted: Wanted) -> list[bench_rows.Row]:
    """The table of decode speeds. Raises BenchError."""
    model = made(wanted.folder / "speed.gguf", TINY if wanted.tiny else QWEN36_35B_A3B)
    widths = TINY_WIDTHS if wanted.tiny else WIDTHS
    threads = 1 if wanted.cpu else min(4, os.cpu_count() or 1)
    options = Options(wanted.peer, model, None, wanted.pairs, threads, not wanted.cpu)
    os.environ["OMP_NUM_THREADS"] = str(threads)
    case = decode(widths, slots=widths[-1], tokens=24 if wanted.tiny else 128)
    return asyncio.run(run([case], options))


def report(wanted: Wanted) -> str:
    with section("device"):
        lines = device(wanted)
    with section("correctness"):
        same = correctness(wanted)
    with section("speed"):
        rows = speed(wanted)
    shape = "a tiny shape" if wanted.tiny else "the shape of Qwen3.6-35B-A3B in Q4_0, random weights"
    parts = [
        "## Device",
        *(f"- {line}" for line in lines),
        "",
        "## Logits beside the CPU's",
        *(f"- {line}" for line in same),
    ]
    return "\n".join([*parts, "", f"## Speed, {shape}", "", bench_rows.table(rows)])


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="scripts/gpu_check", description=__doc__)
    made.add_argument("--tiny", action="store_true", help="tiny models everywhere: tries the script, measures nothing")
    made.add_argument("--cpu", action="store_true", help="on the CPU, where there is no GPU")
    made.add_argument("--peer", type=Path, help="llama-server (default: the one in LLAMA_CPP_LIB_PATH, if any)")
    made.add_argument("--pairs", type=int, default=PAIRS, help=f"runs of each side (default {PAIRS})")
    made.add_argument("--folder", type=Path, help="where 22 GB of models may lie meanwhile (default: a temporary one)")
    return made


def main() -> int:
    given = parser().parse_args()
    ready = Path(os.environ.get("LLAMA_CPP_LIB_PATH", "/nowhere")) / "llama-server"
    peer = given.peer or (ready if ready.exists() else None)
    with tempfile.TemporaryDirectory(dir=given.folder, prefix="gpu-check-") as folder:
        wanted = Wanted(given.tiny, given.cpu, peer.absolute() if peer else None, given.pairs, Path(folder))
        try:
            print(report(wanted))
        except (CheckFailed, BenchError, RuntimeError, OSError) as error:
            print(f"gpu_check: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
