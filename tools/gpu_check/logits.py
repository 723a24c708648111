"""`python -m tools.gpu_check.logits MODEL OUT LAYERS`: logits of fixed prompts, with LAYERS layers on the GPU,
(-1: all), go to OUT; what llama.cpp said of offloading, as a line of JSON, to stdout.

A process of its own for each device: a broken driver takes it along, and memory is given back for certain.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from worker.bindings.llama import Model

PROMPTS = (7, 40, 90, 200)  # tokens
STEPS = 8
ALIKE = 0.99  # cosine of two rows of logits; kernels round differently, and a router may then choose another expert
MOST = 0.9  # of the rows have to be alike
PATIENCE_S = 180.0

Rows = NDArray[np.float32]


@dataclass(frozen=True)
class Likeness:
    """How two computations of the same logits compare."""

    alike: float  # share of rows whose cosine is at least ALIKE
    least: float  # cosine of the worst row
    same: float  # share of rows with the same likeliest token

    @property
    def good(self) -> bool:
        return self.alike >= MOST


def compare(one: Rows, other: Rows) -> Likeness:
    """Rows that are not numbers are like nothing."""
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines = np.nan_to_num((one * other).sum(axis=1) / lengths, nan=-1.0)
    same = (one.argmax(axis=1) == other.argmax(axis=1)).mean()
    return Likeness(float((cosines >= ALIKE).mean()), float(cosines.min()), float(same))


def ask(model: Path, folder: Path, layers: int) -> tuple[Rows, str]:
    """Run this file on one device: its logits, and llama.cpp's words about offloading. Raises RuntimeError.

    The CPU's share of the work must not see the GPU: with no layer on it llama.cpp still sends it every product with 32
    rows or more (ggml-cuda.cu, offload_op), so that prompts would be compared with themselves.
    """
    out = folder / f"logits{layers}.npy"
    command = [sys.executable, "-m", "tools.gpu_check.logits", str(model), str(out), str(layers)]
    env = os.environ | ({} if layers else {"CUDA_VISIBLE_DEVICES": ""})
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, env=env)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"{model.name} with {layers} layers on the GPU: no logits in {PATIENCE_S:.0f} s") from None
    if ended.returncode:
        raise RuntimeError(f"{model.name} with {layers} layers on the GPU: {ended.stderr.strip()[-500:]}")
    return np.load(out), json.loads(ended.stdout.splitlines()[-1])["offloaded"]


def main() -> None:
    from worker.bindings import backend, llama  # here, because the library prints while it is loaded
    from worker.engine.devices import usable
    from worker.engine.port import EngineSpec

    path, out, layers = sys.argv[1], sys.argv[2], int(sys.argv[3])
    backend.log.tap = []  # the one place where llama.cpp says how many layers went to the GPU
    gpus = tuple(gpu.address for gpu in usable(backend.devices())) if layers else ()
    model = llama.Model(EngineSpec(path, slots=len(PROMPTS), context=512, gpu_layers=layers, devices=gpus))
    offloaded = re.search(r"offloaded (\d+/\d+) layers", "".join(backend.log.tap))
    backend.log.tap = None
    np.save(out, np.concatenate(rows(model)))
    print(json.dumps({"offloaded": offloaded[1] if offloaded else ""}))


def rows(model: "Model") -> list[Rows]:
    """Prompts one by one, then steps of all together; the tokens are given, so that a small difference stays small."""
    from worker.bindings.llama import Feed

    draw = np.random.default_rng(1)
    found = []
    for seq, size in enumerate(PROMPTS):
        assert model.decode([Feed(seq, 0, draw.integers(0, 256, size).tolist(), True)]) == 0
        found.append(model.logits().copy())
    for step in range(STEPS):
        feeds = [Feed(seq, size + step, [int(draw.integers(0, 256))], True) for seq, size in enumerate(PROMPTS)]
        assert model.decode(feeds) == 0
        found.append(model.logits().copy())
    return found


if __name__ == "__main__":
    main()
