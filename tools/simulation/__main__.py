"""`scripts/simulate`: seeds by the thousand, over all cores; a failure is printed with how to see it again."""

import argparse
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields
from functools import partial
from traceback import format_exception

from tools.simulation.simulation import Outcome, simulate
from tools.simulation.world import Kind

PROGRESS = 500
CHUNK = 10


def main() -> int:
    asked = _arguments()
    logging.getLogger("supernet.hub").setLevel(logging.ERROR)  # replicas that are frozen on purpose say so
    if asked.seed is not None:
        return _one(asked.seed, asked.trace, asked.kind)
    started, bad = time.monotonic(), 0
    sums: Counter[str] = Counter()
    longest = 0.0
    seeds = range(asked.first, asked.first + asked.seeds)
    for done, outcome in enumerate(_outcomes(seeds, asked.jobs, asked.kind), 1):
        _add(sums, outcome)
        longest = max(longest, outcome.longest_s)
        if outcome.violations:
            bad += 1
            _complain(outcome, asked.kind)
        if done % PROGRESS == 0 or done == asked.seeds:
            print(f"{done} seeds, {bad} with violations, {time.monotonic() - started:.0f} s", flush=True)
    print(", ".join(f"{name} {value}" for name, value in sums.items()))
    print(f"longest job {longest:.1f} virtual seconds")
    return 1 if bad else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/simulate", description="simulate the network, seed by seed")
    parser.add_argument("--seeds", type=int, default=300, help="how many (300)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (all cores)")
    parser.add_argument("--seed", type=int, help="this one seed only")
    parser.set_defaults(kind="chats")
    kinds = parser.add_mutually_exclusive_group()
    for kind, text in (
        ("pictures", "most jobs have pictures, and some lines are slow"),
        ("media", "most jobs make media"),
        ("cluster", "several replicas with a bus between them"),
    ):
        kinds.add_argument(f"--{kind}", action="store_const", const=kind, dest="kind", help=text)
    parser.add_argument("--trace", action="store_true", help="with --seed: print everything that happened")
    return parser.parse_args()


def _one(seed: int, trace: bool, kind: Kind) -> int:
    outcome, history = simulate(seed, kind)
    if trace:
        for now, what, details in history.records:
            print(f"{now:10.4f} {what:12} {' '.join(str(detail) for detail in details)}")
    print(f"seed {seed} ({outcome.mode}): {outcome.jobs} jobs, {outcome.strikes} faults, history {outcome.digest[:16]}")
    for violation in outcome.violations:
        print(f"  VIOLATION {violation}")
    return 1 if outcome.violations else 0


def _outcomes(seeds: range, jobs: int, kind: Kind) -> Iterable[Outcome]:
    outcome = partial(_outcome, kind=kind)
    if jobs <= 1:
        yield from map(outcome, seeds)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(outcome, seeds, chunksize=CHUNK)


def _outcome(seed: int, kind: Kind) -> Outcome:
    try:
        return simulate(seed, kind)[0]
    except Exception as error:  # noqa: BLE001 - whatever a core raises is a finding of this seed, not the end of the run
        return Outcome(seed, "raised", ["".join(format_exception(error)[-6:])])


def _add(sums: Counter[str], outcome: Outcome) -> None:
    for name in ("jobs", "finished", "failed", "kills", "cuts", "strikes"):
        sums[name] += getattr(outcome, name)
    for entry in fields(outcome.totals):
        if entry.name not in ("submitted", "finished", "failed"):
            sums[entry.name] += getattr(outcome.totals, entry.name)


def _complain(outcome: Outcome, kind: Kind) -> None:
    again = f"scripts/simulate --seed {outcome.seed}{'' if kind == 'chats' else f' --{kind}'} --trace"
    print(f"SEED {outcome.seed} ({outcome.mode}): {again}")
    for violation in outcome.violations[:3]:
        print(f"  {violation[-600:]}")


if __name__ == "__main__":
    sys.exit(main())
