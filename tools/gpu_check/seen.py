"""`python -m tools.gpu_check.seen`: a model with eyes, loaded once, in a process of its own.

The EngineSpec comes as a line on stdin; what its eyes take of the memory, how long they look, and what a step takes
beside that, go to stdout as a line of JSON.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import isqrt
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from wire.pictures import LOW_TOKENS, MOST_TOKENS, PATCH
from worker.engine.pipe import TO_ENGINE
from worker.engine.port import EngineSpec

if TYPE_CHECKING:
    from worker.bindings.llama import Model
    from worker.bindings.mtmd import Projector

STREAMS, STEPS, TIMES = 4, 48, 5
PATIENCE_S = 200.0
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Seen:
    """`opened`, `used`: bytes of memory at load and after the first large picture. `encodes`: least, middle and most
    milliseconds by tokens. `steps`: middle and most of a step, alone and beside encodes, with the gate and without."""

    opened: int
    used: int
    encodes: dict[int, tuple[float, float, float]]
    steps: dict[str, tuple[float, float]]


def ask(spec: EngineSpec) -> Seen:
    """Run this file. Raises RuntimeError."""
    command = [sys.executable, "-m", "tools.gpu_check.seen"]
    try:
        ended = subprocess.run(
            command, input=TO_ENGINE.encode(spec), capture_output=True, timeout=PATIENCE_S, cwd=ROOT, check=False
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"nothing was seen in {PATIENCE_S:.0f} s") from None
    if ended.returncode:
        raise RuntimeError(ended.stderr.decode(errors="replace").strip()[-500:])
    found = json.loads(ended.stdout.splitlines()[-1])
    encodes = {int(tokens): (least, middle, most) for tokens, (least, middle, most) in found["encodes"].items()}
    return Seen(found["opened"], found["used"], encodes, {name: (a, b) for name, (a, b) in found["steps"].items()})


def main() -> None:
    out = os.dup(1)
    os.dup2(2, 1)  # the library prints while it is loaded
    from worker.bindings import llama, mtmd

    spec = TO_ENGINE.decode(sys.stdin.buffer.readline())
    assert isinstance(spec, EngineSpec)
    model = llama.Model(spec)
    _steps(model, lambda: None)  # what the first decodes take is not the eyes'
    before = _taken(spec)
    eyes = mtmd.Projector(model, spec)
    opened = _taken(spec) - before
    encodes = {tokens: _times(eyes, tokens) for tokens in (MOST_TOKENS, LOW_TOKENS)}
    found = {"opened": opened, "used": _taken(spec) - before, "encodes": encodes, "steps": _beside(model, eyes, spec)}
    os.write(out, json.dumps(found).encode() + b"\n")


def _taken(spec: EngineSpec) -> int:
    """Bytes in use: of the cards by anybody, or without one of this process."""
    import psutil

    from worker.bindings import backend

    if not spec.devices:
        return int(psutil.Process().memory_info().rss)
    return sum(gpu.total_bytes - gpu.free_bytes for gpu in backend.devices())


def _look(eyes: "Projector", tokens: int, go_on: Callable[[], bool] = lambda: True) -> float:
    side, began = PATCH * isqrt(tokens), time.perf_counter()
    eyes.encode(side, side, bytes(3 * side * side), go_on)
    return 1000 * (time.perf_counter() - began)


def _times(eyes: "Projector", tokens: int) -> tuple[float, float, float]:
    took = [_look(eyes, tokens) for _ in range(TIMES + 1)][1:]
    return min(took), median(took), max(took)


def _beside(model: "Model", eyes: "Projector", spec: EngineSpec) -> dict[str, tuple[float, float]]:
    from worker.engine.child.gate import SHARE, Gate

    gate, done = Gate(SHARE * spec.longest_stall_ms / 1000, time.monotonic), threading.Event()
    ways: dict[str, Callable[[], bool] | None] = {
        "alone": None,
        "beside an encode": lambda: not done.is_set(),
        "beside an encode, with the gate": lambda: gate.passes(lambda: not done.is_set()),
    }
    found = {}
    for name, go_on in ways.items():
        done.clear()
        looking = threading.Thread(target=_keep_looking, args=(eyes, go_on, done))
        if go_on is not None:
            looking.start()
        found[name] = _steps(model, lambda: gate.turn(streams=True))
        done.set()
        gate.turn(streams=False)
        if go_on is not None:
            looking.join()
    return found


def _keep_looking(eyes: "Projector", go_on: Callable[[], bool], done: threading.Event) -> None:
    from worker.bindings.encoder import Stopped

    while not done.is_set():
        try:
            _look(eyes, MOST_TOKENS, go_on)
        except Stopped:
            return


def _steps(model: "Model", turn: Callable[[], None]) -> tuple[float, float]:
    took = []
    for step in range(STEPS):
        turn()
        began = time.perf_counter()
        _step(model, step)
        took.append(1000 * (time.perf_counter() - began))
    for seq in range(STREAMS):
        model.clear(seq)
    return median(took), max(took)


def _step(model: "Model", position: int) -> None:
    from worker.bindings.llama import Feed

    if code := model.decode([Feed(seq, position, [40], True) for seq in range(STREAMS)]):
        raise RuntimeError(f"llama_decode answers {code}")
    model.logits()


if __name__ == "__main__":
    main()
