"""Floods of frames from a worker, and from a coordinator, against real processes: invalid ones, ones of no use, tiny
ones, pings, empty pieces. `scripts/hostile flood`: what clients, /health and an owner feel, as the least and the most
of some runs, beside the same time without. Leaves with 1 if even the least is more than what is promised."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator

from tools.hostile.flood import coordinator, floods, worker
from tools.hostile.flood.felt import QUIET, Felt, least_and_most, name
from tools.hostile.flood.floods import Flood

HEALTH_P99_MS, ADDED_GAP_MS, RSS_GROWTH_MB = 100.0, 250.0, 64.0
STATUS_MS = 1000.0
Row = dict[str, tuple[float, float]]
Runner = Callable[[list[Flood | None], float, int], Iterator[Felt]]


def measure(runner: Runner, floods_of: list[Flood], pairs: int, seconds: float, most_bytes: int) -> dict[str, Row]:
    """The figures of each flood and of quiet, which comes before the floods in each of so many rounds."""
    rounds: list[Flood | None] = [None, *floods_of]
    felt: dict[str, list[Felt]] = {name(flood): [] for flood in rounds}
    for flood, one in zip(rounds * pairs, runner(rounds * pairs, seconds, most_bytes), strict=True):
        felt[name(flood)].append(one)
        print(f"{name(flood):16} {one}", file=sys.stderr, flush=True)
    return {flood: least_and_most(runs) for flood, runs in felt.items()}


def broken(of_coordinator: dict[str, Row], of_worker: dict[str, Row]) -> list[str]:
    """Promises that did not hold in the best of the runs: what only some of them break may be the machine."""
    quiet_gap = of_coordinator[QUIET]["worst_gap_ms"][1]
    found = []
    for flood, row in of_coordinator.items():
        if row["asked_p99_ms"][0] > HEALTH_P99_MS:
            found.append(f"{flood}: /health took {row['asked_p99_ms'][0]} ms")
        if row["worst_gap_ms"][0] - quiet_gap > ADDED_GAP_MS:
            found.append(f"{flood}: a stream stood still for {row['worst_gap_ms'][0]} ms")
    for flood, row in of_worker.items():
        if row["asked_p99_ms"][0] > STATUS_MS:
            found.append(f"{flood}: the owner's status took {row['asked_p99_ms'][0]} ms")
    grown = {**of_coordinator, **{f"worker, {flood}": row for flood, row in of_worker.items()}}
    found += [f"{flood}: memory" for flood, row in grown.items() if row["rss_growth_mb"][0] > RSS_GROWTH_MB]
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="scripts/hostile flood", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object in place of the table")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each flood (60)")
    parser.add_argument("--megabytes", type=float, default=100.0, help="that each flooder sends at most (100)")
    parser.add_argument("--pairs", type=int, default=1, help="rounds of quiet and of each flood (1)")
    names = [flood.name for flood in floods.of_a_worker()]
    parser.add_argument("--floods", default=",".join(names), help=f"which ({','.join(names)})")
    asked = parser.parse_args(arguments)
    wanted, rest = asked.floods.split(","), (asked.pairs, asked.seconds, int(asked.megabytes * 1e6))
    of_coordinator = measure(coordinator.felt, [one for one in floods.of_a_worker() if one.name in wanted], *rest)
    of_worker = measure(worker.felt, [one for one in floods.of_a_coordinator() if one.name in wanted], *rest)
    wrong = broken(of_coordinator, of_worker)
    if asked.json:
        print(json.dumps({"coordinator": of_coordinator, "worker": of_worker, "broken": wrong}))
    else:
        _print("a coordinator, from a worker", of_coordinator)
        _print("a worker, from a coordinator", of_worker)
        print(f"broken: {', '.join(wrong) or 'nothing'}")
    return 1 if wrong else 0


def _print(title: str, rows: dict[str, Row]) -> None:
    print(f"\n{title} (least - most)")
    print(" ".join([f"{'':16}", *(f"{figure:>17}" for figure in rows[QUIET])]))
    for flood, row in rows.items():
        print(" ".join([f"{flood:16}", *(f"{f'{least:g} - {most:g}':>17}" for least, most in row.values())]))


if __name__ == "__main__":
    sys.exit(main())
