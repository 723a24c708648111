"""`python -m tools.bench.drafts.step_costs STREAMS DEPTH`: what steps with guesses cost here, in a process of its own.

The EngineSpec comes as a line on stdin; milliseconds of the processor for a step of STREAMS streams with 0, 1, 2 ...
guesses each, behind DEPTH tokens each, go to stdout, as a line of JSON.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from tools.bench.engine.sides import BenchError
from worker.engine.pipe import TO_ENGINE
from worker.engine.port import EngineSpec

GUESSES = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 63)  # of one stream
STEPS = 5
PATIENCE_S = 300.0
ROOT = Path(__file__).parents[3]


def ask(spec: EngineSpec, streams: int, depth: int) -> dict[int, float]:
    """Run this file: milliseconds of the processor by the guesses of each stream. `depth`: tokens that each has before
    it is measured, as attention makes rows dearer the more there are. Raises BenchError."""
    command = [sys.executable, "-m", "tools.bench.drafts.step_costs", str(streams), str(depth)]
    try:
        ended = subprocess.run(
            command, input=TO_ENGINE.encode(spec), capture_output=True, timeout=PATIENCE_S, cwd=ROOT, check=False
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"no cost of a step in {PATIENCE_S:.0f} s") from None
    if ended.returncode:
        raise BenchError(f"no cost of a step: {ended.stderr.decode(errors='replace').strip()[-500:]}")
    return {int(guesses): took for guesses, took in json.loads(ended.stdout.splitlines()[-1]).items()}


def main() -> None:
    out = os.dup(1)
    os.dup2(2, 1)  # the library prints while it is loaded
    from worker.bindings.llama import Feed, Model

    spec = TO_ENGINE.decode(sys.stdin.buffer.readline())
    assert isinstance(spec, EngineSpec)
    model, streams = Model(spec), range(int(sys.argv[1]))

    def step(begin: int, count: int) -> float:
        feeds = [Feed(seq, begin, [(seq + place) % 250 for place in range(count)], count) for seq in streams]
        began = time.process_time()
        if code := model.decode(feeds):
            raise RuntimeError(f"llama_decode answers {code}")
        model.logits()
        return 1000 * (time.process_time() - began)

    room = max(1, (spec.batch if not spec.draft_rows else 1 + spec.draft_rows) // len(streams))
    depth = min(int(sys.argv[2]), spec.context - room - STEPS * len(GUESSES))
    for begin in range(0, depth, room):
        step(begin, min(room, depth - begin))
    found = {}
    at = depth
    for guesses in (count for count in GUESSES if count < room):
        took = []
        for _ in range(STEPS):
            goes_back = not model.hybrid or guesses <= model.rollback
            states = [None if goes_back else model.checkpoint(seq) for seq in streams]
            took.append(step(at, 1 + guesses))
            at += goes_back  # one row is a token, and stays
            for seq, state in zip(streams, states, strict=True):
                model.cut(seq, at, state)
        found[guesses] = median(took)
    os.write(out, json.dumps(found).encode() + b"\n")


if __name__ == "__main__":
    main()
