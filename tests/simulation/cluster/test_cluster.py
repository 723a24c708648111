"""Several replicas, whatever goes wrong with them, with the bus between them and the database behind them: every client
whose replica lives gets its answer once, in order and whole, and pays for it once."""

from collections import Counter

import pytest

from tools.simulation.simulation import simulate

SEEDS = 120  # at 0.7 to 3 s each; scripts/simulate --cluster --seeds runs as many as one likes
EVERYDAY = 12

BLOCKS = [pytest.param(0, EVERYDAY), pytest.param(EVERYDAY, SEEDS, marks=pytest.mark.search)]


@pytest.mark.parametrize(("first", "end"), BLOCKS)
def test_every_promise_holds_with_several_replicas(first: int, end: int) -> None:
    seen: Counter[str] = Counter()
    for seed in range(first, end):
        outcome, history = simulate(seed, "cluster")
        assert not outcome.violations, f"scripts/simulate --seed {seed} --cluster --trace"
        seen += history.count
    for what in ("replica killed", "replica rolled", "node killed", "kept"):
        assert seen[what], f"no {what} in {end - first} worlds"


def test_a_seed_has_one_history() -> None:
    """Though its database has keys, ids and times of its own each time."""
    assert simulate(1, "cluster")[0].digest == simulate(1, "cluster")[0].digest != simulate(4, "cluster")[0].digest
