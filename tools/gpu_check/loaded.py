"""`python -m tools.gpu_check.loaded CELLS ...`: one layout, loaded once, in a process of its own.

The EngineSpec comes as a line on stdin; what llama.cpp said that it took, what first use costs, and what a step costs
beside so many CELLS of ended chats go to stdout, as a line of JSON.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from worker.engine.pipe import TO_ENGINE
from worker.engine.port import EngineSpec

if TYPE_CHECKING:
    from worker.bindings.llama import Model

STREAMS = 4  # the first sequences; all others hold what has ended
BEGUN = 64  # tokens that a stream has before it is measured
STEPS = 32
PATIENCE_S = 240.0
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Loaded:
    """`first`: seconds of a kind of step, the first time and the second. `steps`: milliseconds of a step of STREAMS
    rows, by the number of cells that others hold."""

    log: tuple[str, ...]
    load_s: float
    first: dict[str, tuple[float, float]]
    steps: dict[int, float]


def ask(spec: EngineSpec, cells: Sequence[int] = ()) -> Loaded:
    """Run this file. Raises RuntimeError."""
    command = [sys.executable, "-m", "tools.gpu_check.loaded", *map(str, cells)]
    try:
        ended = subprocess.run(
            command, input=TO_ENGINE.encode(spec), capture_output=True, timeout=PATIENCE_S, cwd=ROOT, check=False
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"nothing from {Path(spec.path).name} in {PATIENCE_S:.0f} s") from None
    if ended.returncode:
        raise RuntimeError(f"{Path(spec.path).name}: {ended.stderr.decode(errors='replace').strip()[-500:]}")
    found = json.loads(ended.stdout.splitlines()[-1])
    first = {name: (one, two) for name, (one, two) in found["first"].items()}
    steps = {int(held): took for held, took in found["steps"].items()}
    return Loaded(tuple(found["log"]), found["load_s"], first, steps)


def main() -> None:
    out = os.dup(1)
    os.dup2(2, 1)  # the library prints while it is loaded
    from worker.bindings import backend, llama

    spec = TO_ENGINE.decode(sys.stdin.buffer.readline())
    assert isinstance(spec, EngineSpec)
    backend.log.tap = []
    began = time.perf_counter()
    model = llama.Model(spec)
    found = {"load_s": time.perf_counter() - began, "log": backend.log.tap}
    backend.log.tap = None
    found["first"] = first_use(model, spec)
    found["steps"] = beside(model, spec, [int(cells) for cells in sys.argv[1:]])
    os.write(out, json.dumps(found).encode() + b"\n")


def first_use(model: "Model", spec: EngineSpec) -> dict[str, tuple[float, float]]:
    """What an engine that serves will meet: each has kernels of its own, loaded, or compiled, at their first use."""
    from worker.bindings.llama import Feed

    kinds = {
        "one row": [Feed(0, 0, _tokens(1), True)],
        "a prompt of a whole batch": [Feed(0, 0, _tokens(min(spec.batch, spec.context)), True)],
        "a row in every slot": [Feed(seq, 0, _tokens(1), True) for seq in range(spec.slots)],
    }
    found = {}
    for name, feeds in kinds.items():
        took = []
        for _ in range(2):
            began = time.perf_counter()
            _decode(model, feeds)
            took.append(time.perf_counter() - began)
            for feed in feeds:
                model.clear(feed.seq)
        found[name] = (took[0], took[1])
    return found


def beside(model: "Model", spec: EngineSpec, cells: Sequence[int]) -> dict[int, float]:
    """A step of STREAMS rows, while the other sequences hold so many cells; the numbers of `cells` ascend."""
    from worker.bindings.llama import Feed

    streams, holders = range(STREAMS), range(STREAMS, spec.slots)
    found = {}
    for before, held in pairwise((0, *cells)):
        for seq in holders:
            _hold(model, spec, seq, before // len(holders), held // len(holders))
        for seq in streams:
            model.clear(seq)
            _decode(model, [Feed(seq, 0, _tokens(BEGUN), True)])
        took = []
        for step in range(STEPS):
            began = time.perf_counter()
            _decode(model, [Feed(seq, BEGUN + step, _tokens(1), True) for seq in streams])
            took.append(time.perf_counter() - began)
        found[held] = 1000 * median(took)
    return found


def _hold(model: "Model", spec: EngineSpec, seq: int, begin: int, end: int) -> None:
    """Have the sequence hold `end` tokens: a copy where each has its own cache, else computed, as cells are shared."""
    from worker.bindings.llama import Feed

    if not spec.unified and seq > STREAMS and model.fork(STREAMS, seq, end):
        return
    for start in range(begin, end, spec.batch):
        _decode(model, [Feed(seq, start, _tokens(min(spec.batch, end - start)), start + spec.batch >= end)])


def _decode(model: "Model", feeds: Sequence[object]) -> None:
    if code := model.decode(feeds):  # type: ignore[arg-type]
        raise RuntimeError(f"llama_decode answers {code}")
    model.logits()


def _tokens(count: int) -> list[int]:
    return [i % 250 for i in range(count)]


if __name__ == "__main__":
    main()
