"""Whether one account crowds out another, on real parts: a coordinator, workers of scripted engines, keys and HTTP.

    scripts/bench fairness [--runs N] [--seconds N] [--json]

A small account's median wait (until the first token) beside one that asks 50 times as often, five times what the
network can do; the peer is the same account with the same questions alone. Then the shares of three accounts that ask
for more than there is, beside their weights.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from coordinator.scheduler.fairness import cost
from tools.bench.comparison import Row, as_json, row, table
from tools.chaos.client import Answer, ask, body
from tools.local_network import Network, until

WORKERS, SLOTS = 2, 16
PACE_S = 0.05  # a token of an answer
READ_S = 1 / 2000  # a token of a prompt; a worker reads one prompt after the other
SMALL_EVERY_S, TIMES = 1.0, 50
AT_ONCE = 30  # requests of each account that has a weight
QUEUE_WAIT_S = 300  # of those the last one of the account with the least waits for a minute
# Times `--seconds`: shares are counted after a while. The coordinator takes four bytes for a token, here it is one:
# what the first account is served before the others are there is charged late, and made good for half a minute.
WARM, COUNTED = 1, 2


@dataclass(frozen=True)
class Shape:
    """Tokens of a request: its prompt, and the shortest and the longest answer."""

    prompt: int
    shortest: int
    longest: int


SMALL = Shape(1000, 40, 40)
GREEDY = {"answers of 20 to 100 tokens": Shape(100, 20, 100), "answers of 60 tokens": Shape(100, 60, 60)}
WEIGHTED = {1: Shape(600, 20, 80), 2: Shape(100, 40, 160), 4: Shape(300, 30, 120)}  # by the account's weight

_numbers = count()


def say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def question(shape: Shape, dice: random.Random) -> dict[str, Any]:
    """No two prompts begin alike: no worker knows anything of one."""
    content = f"{next(_numbers)} ".ljust(shape.prompt - len("user: \n"), "x")
    return body(content, dice.randint(shape.shortest, shape.longest))


# ---- the wait of a small account ---------------------------------------------------------------------------------


async def come(network: Network, key: str, shape: Shape, mean_s: float, seconds: float, seed: int) -> list[Answer]:
    """Send requests at random times, `mean_s` apart on average; return all answers once the last one is whole."""
    dice, tasks = random.Random(seed), []
    at = time.monotonic()
    end = at + seconds
    while (at := at + dice.expovariate(1 / mean_s)) < end:
        await asyncio.sleep(at - time.monotonic())
        tasks.append(asyncio.create_task(ask(network, question(shape, dice), key)))
    return await asyncio.gather(*tasks)


async def wait_s(network: Network, small: str, greedy: str, shape: Shape | None, seconds: float, seed: int) -> float:
    """The small account's median wait, beside a greedy one whose requests have that shape."""
    coming = [come(network, small, SMALL, SMALL_EVERY_S, seconds, seed)]
    if shape is not None:
        coming.append(come(network, greedy, shape, SMALL_EVERY_S / TIMES, seconds, seed + 1))
    answers, *others = await asyncio.gather(*coming)
    unanswered = [answer.error for answer in answers if not answer.whole]
    if unanswered or not answers:
        raise SystemExit(f"bench: {len(unanswered)} of {len(answers)} small requests failed: {unanswered[:1]}")
    for crowd in others:
        say(f"{len(crowd)} greedy requests, {sum(answer.whole for answer in crowd)} answered")
    return median(answer.times[0] - answer.began for answer in answers)


async def waits(network: Network, runs: int, seconds: float) -> list[Row]:
    small, greedy = (network.create_stranger(name) for name in ("small", "greedy"))
    alone: list[float] = []
    beside: dict[str, list[float]] = {name: [] for name in GREEDY}
    for run in range(runs):
        alone.append(await wait_s(network, small, greedy, None, seconds, 2 * run))
        for name, shape in GREEDY.items():
            beside[name].append(await wait_s(network, small, greedy, shape, seconds, 2 * run))
            say(f"{name}: {beside[name][-1]:.3f} s, alone {alone[-1]:.3f} s")
    return [row(f"median wait beside {name}; peer: alone", "s", beside[name], alone) for name in GREEDY]


# ---- shares ------------------------------------------------------------------------------------------------------


async def tokens_of(network: Network, key: str, shape: Shape, begin: float, lasts: float, seed: int) -> float:
    """What an account that always asks for more is served after `begin`, in tokens of the completion."""
    dice, answers = random.Random(seed), list[Answer]()

    async def keep_asking() -> None:
        while True:
            answer = Answer(time.monotonic())
            answers.append(answer)
            await ask(network, question(shape, dice), key, answer)
            assert answer.whole, answer.error

    with suppress(TimeoutError):
        async with asyncio.timeout(lasts), asyncio.TaskGroup() as asking:
            for _ in range(AT_ONCE):
                asking.create_task(keep_asking())
    prompts = sum(bool(answer.times) and answer.times[0] >= begin for answer in answers)
    pieces = [piece for answer in answers for at, piece in zip(answer.times, answer.pieces, strict=True) if at >= begin]
    return cost(prompts * shape.prompt, sum(len(piece.split()) for piece in pieces))  # a word a token


async def shares(network: Network, runs: int, seconds: float) -> list[Row]:
    keys = {weight: network.create_stranger(f"weight{weight}", weight) for weight in WEIGHTED}
    got: dict[int, list[float]] = {weight: [] for weight in WEIGHTED}
    for run in range(runs):
        begin, lasts = time.monotonic() + WARM * seconds, (WARM + COUNTED) * seconds
        tokens = await asyncio.gather(
            *(tokens_of(network, keys[weight], WEIGHTED[weight], begin, lasts, run) for weight in WEIGHTED)
        )
        for weight, each in zip(WEIGHTED, tokens, strict=True):
            got[weight].append(each / max(sum(tokens), 1.0))
        say(f"shares: {', '.join(f'{got[weight][-1]:.3f}' for weight in WEIGHTED)}")
    of = sum(WEIGHTED)
    return [
        row(f"share of weight {weight} of {of}; peer: by weight", "share", got[weight], [weight / of] * runs)
        for weight in WEIGHTED
    ]


# ---- both --------------------------------------------------------------------------------------------------------


async def measure(folder: Path, runs: int, seconds: float) -> list[Row]:
    network = Network(folder, folder / "no-model")
    try:
        await asyncio.to_thread(network.start_coordinator, "--queue-wait-s", str(QUEUE_WAIT_S))
        network.start_swarm(0, WORKERS, network.key, PACE_S, SLOTS, READ_S)
        await asyncio.to_thread(until, lambda: network.online() == WORKERS, network.workers[0])
        return await waits(network, runs, seconds) + await shares(network, runs, seconds)
    finally:
        network.close()


def main() -> None:
    parser = argparse.ArgumentParser("scripts/bench fairness", description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="of each run of a wait; of one of shares three times as long"
    )
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="supernet-bench-") as folder:
        rows = asyncio.run(measure(Path(folder), asked.runs, asked.seconds))
    print(as_json(rows) if asked.json else table(rows))


if __name__ == "__main__":
    main()
