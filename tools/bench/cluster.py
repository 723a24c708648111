"""What a cluster costs: processor time of all coordinators for a request, and what a hop to another replica adds.

    scripts/bench cluster [--pairs N] [--requests N] [--before COMMIT] [--json]

Three networks, each of scripted workers and on PostgreSQL, work in turns: one replica alone, two with twice as many
clients and workers behind a balancer that spreads both evenly, and one with all clients beside one with all workers, so
that every job is remote.
With --before, one coordinator with SQLite of this checkout stands beside one of that commit.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import uvloop

from tools.bench.comparison import Row, as_json, row, table
from tools.chaos import stamps
from tools.chaos.client import Door
from tools.chaos.cluster.load import STREAMS, Stream, load
from tools.cluster.network import Cluster, processor_s
from tools.local_network import Network, until
from tools.older_programs import checkout

WORKERS, SLOTS, PACE_S = 12, 8, 0.05
THINKS_S = 2.0  # at most, between two questions
ALONE, EVEN, SPLIT = "1 replica", "2 replicas", "edge and cell"


@dataclass(frozen=True)
class Shape:
    """`size`: how many times the clients and workers of one replica."""

    replicas: int
    nodes: int
    size: int = 1
    options: tuple[tuple[str, ...], ...] = ((),)


# As many for each replica: with fewer at once, less of what a process does is done together, whatever is beside it.
NETWORKS = {
    ALONE: Shape(1, 0),
    EVEN: Shape(2, 1, 2),
    SPLIT: Shape(2, 1, 1, (("--role", "edge"), ("--role", "cell"))),
}


@dataclass(frozen=True)
class Cost:
    """Of one run. Milliseconds: of all coordinators' processors for a request, and medians of what its clients saw."""

    processor: float
    first: float  # a question on the way to its engine, and the first token on its way to the client
    per_token: float
    on_the_way: float  # a token, from its engine to the client

    @classmethod
    def of(cls, streams: Sequence[Stream], processor_s: float) -> "Cost":
        answers = [stream.tries[-1] for stream in streams]
        bad = [answer for answer in answers if not answer.whole]
        if bad:
            raise SystemExit(f"bench: {len(bad)} answers are not whole: {bad[0].error}")
        gaps = [(answer.times[-1] - answer.times[0]) / (len(answer.times) - 1) for answer in answers]
        tokens = [[stamps.read(piece)[-1] for piece in answer.pieces] for answer in answers]
        late = [
            came - token.at
            for answer, given in zip(answers, tokens, strict=True)
            for token, came in zip(given, answer.times, strict=True)
        ]
        # An engine begins with its next step: by the clock of the client a millisecond more on the way is none, or all
        # of a step.
        firsts = [
            (answer.times[0] - answer.began) - (given[0].at - given[0].asked)
            for answer, given in zip(answers, tokens, strict=True)
        ]
        return cls(1e3 * processor_s / len(answers), 1e3 * median(firsts), 1e3 * median(gaps), 1e3 * median(late))


@dataclass(frozen=True)
class Side:
    """One of those that work in turns: where its requests go, and what its coordinators' processors have taken."""

    door: Door
    processor_s: Callable[[], float]
    size: int = 1

    async def cost(self, requests: int) -> Cost:
        before = self.processor_s()
        streams = await load(
            self.door, self.size * requests, streams=self.size * STREAMS, keyed=False, thinks_s=THINKS_S
        )
        return Cost.of(streams, self.processor_s() - before)


async def in_turns(sides: Mapping[str, Side], pairs: int, requests: int) -> dict[str, list[Cost]]:
    """What each of them cost in each turn, after one that warms up."""
    found: dict[str, list[Cost]] = {name: [] for name in sides}
    for turn in range(-1, pairs):
        for name, side in sides.items():
            cost = await side.cost(requests if turn >= 0 else STREAMS)
            print(f"  {name}: {cost}", file=sys.stderr, flush=True)
            found[name] += [cost] if turn >= 0 else []
    return found


async def replicas(folder: Path, pairs: int, requests: int) -> list[Row]:
    """One alone, two, and two of which one has the clients and one the workers."""
    async with AsyncExitStack() as stack:
        sides = {}
        for name, shape in NETWORKS.items():
            cluster = Cluster(_made(folder / name.replace(" ", "-")), shape.replicas, shape.nodes, shape.options)
            stack.push_async_callback(cluster.close)
            sides[name] = await _started(cluster, shape.size, split=name == SPLIT)
        found = await in_turns(sides, pairs, requests)
    alone, even, split = found.values()
    return [
        _row(f"{EVEN} beside {ALONE}: processor time of a request", "processor", even, alone),
        _row(f"{SPLIT} beside {ALONE}: processor time of a request", "processor", split, alone),
        _row(f"{SPLIT} beside {ALONE}: first token, less its engine's time", "first", split, alone),
        _row(f"{SPLIT} beside {ALONE}: time per token", "per_token", split, alone),
        _row(f"{SPLIT} beside {ALONE}: a token on the way", "on_the_way", split, alone),
    ]


async def _started(cluster: Cluster, size: int, split: bool) -> Side:
    await cluster.start()
    if split:
        edge, cell = (replica.port for replica in cluster.replicas)
        cluster.clients.targets[cell].open = cluster.workers.targets[edge].open = False
    await cluster.start_workers(size * WORKERS, SLOTS, PACE_S, 1, "--claims")
    await cluster.settled(even=True)
    return Side(cluster.front(await cluster.make_key("bench", "bench", "client")), cluster.processor_s, size)


async def before_and_after(folder: Path, commit: str, pairs: int, requests: int) -> list[Row]:
    """One coordinator with SQLite, of this checkout and of another commit."""
    trees = {"after": {}, "before": {"coordinator": checkout(commit, _made(folder / "tree"))}}
    async with AsyncExitStack() as stack:
        sides = {}
        for name, tree in trees.items():
            network = Network(_made(folder / name), folder / "no-model", trees=tree)
            stack.callback(network.close)
            sides[name] = await asyncio.to_thread(_alone, network)
        found = await in_turns(sides, pairs, requests)
    case = f"one process and SQLite beside {commit}"
    return [
        _row(f"{case}: processor time of a request", "processor", found["after"], found["before"]),
        _row(f"{case}: first token, less its engine's time", "first", found["after"], found["before"]),
    ]


def _alone(network: Network) -> Side:
    network.start_coordinator()
    network.start_swarm(0, WORKERS, network.key, PACE_S, SLOTS, 0.0, "--claims")
    until(lambda: network.online() == WORKERS, network.workers[0])
    assert network.coordinator is not None
    return Side(network, partial(processor_s, [network.coordinator]))


def _made(folder: Path) -> Path:
    folder.mkdir()
    folder.chmod(0o755)  # PostgreSQL is another user's
    return folder


def _row(case: str, figure: str, ours: Sequence[Cost], peer: Sequence[Cost]) -> Row:
    return row(case, "ms", *([getattr(cost, figure) for cost in side] for side in (ours, peer)))


async def measure(folder: Path, asked: argparse.Namespace) -> list[Row]:
    rows = await replicas(folder, asked.pairs, asked.requests)
    if asked.before:
        rows += await before_and_after(folder, asked.before, asked.pairs, asked.requests)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser("scripts/bench cluster", description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--requests", type=int, default=200, help="of each run")
    parser.add_argument("--before", metavar="COMMIT", help="one process with SQLite, now and then")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="supernet-bench-") as folder:
        rows = uvloop.run(measure(Path(folder), asked))
    print(as_json(rows) if asked.json else table(rows))


if __name__ == "__main__":
    main()
