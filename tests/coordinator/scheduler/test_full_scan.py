"""The index of a model's workers chooses as a look at all of them would: the same where it looks at all that are open,
and hardly a slower one where it looks at some."""

import random
from statistics import mean, quantiles

import pytest

from coordinator.scheduler import candidates
from tests.coordinator.scheduler import full_scan
from tests.coordinator.scheduler.full_scan import fleet_of, job, with_past
from tests.thoroughness import ALL


@pytest.mark.parametrize("block", range(5 if ALL else 1))
def test_the_index_chooses_what_a_look_at_all_workers_chooses(block: int) -> None:
    for seed in range(block * 1000, block * 1000 + (1000 if ALL else 200)):
        draw = random.Random(seed)
        fleet, now = fleet_of(draw.choice((1, 2, 3, 5, 8, 13)), draw)
        for n in range(5):
            asked = with_past(fleet, job(f"j{n}", draw), draw)
            answer = draw.choice((16.0, 256.0))
            chosen = candidates.choose_worker(fleet, asked, now, answer)
            assert (chosen and chosen.key) == full_scan.choose(fleet, asked, now, answer), (seed, n)


def test_sums_are_those_of_a_look_at_all_workers() -> None:
    for seed in range(500 if ALL else 100):
        draw = random.Random(seed)
        fleet, now = fleet_of(draw.randint(1, 12), draw)
        asked = job("j", draw)
        serving = full_scan.serving(fleet, asked)
        replicas = [worker.replicas[asked.spec.model] for worker in serving]
        model, work = asked.spec.model, asked.work
        assert sorted(worker.key for worker in candidates.serving(fleet, model, work)) == sorted(
            worker.key for worker in serving
        )
        assert candidates.slots(fleet, model, work) == sum(replica.slots for replica in replicas)
        longest = max((replica.context for replica in replicas if replica.slots), default=0)
        assert candidates.longest_context(fleet, model, work) == longest
        everyone = full_scan.serving(fleet, job("any", random.Random(0)))
        opened = [worker for worker in everyone if candidates._open(fleet, worker, model, now)]
        assert candidates.any_open(fleet, model, now) == bool(opened)
        for worker in everyone:
            others = [other for other in serving if other is not worker and candidates._open(fleet, other, model, now)]
            assert candidates.another_open(fleet, worker, model, now, work) == bool(others)


def test_where_a_few_of_many_are_looked_at_the_wait_is_hardly_longer() -> None:
    """Of 1,000 workers with speeds that differ by a factor of ten, and prompts that some have read."""
    losses = []
    for seed in range(8 if ALL else 1):
        draw = random.Random(seed)
        fleet, now = fleet_of(1000, draw, plain=True, chats=100)
        for n in range(40):
            asked = job(f"j{n}", draw, chats=100)
            chosen, best = candidates.choose_worker(fleet, asked, now), full_scan.choose(fleet, asked, now)
            assert chosen is not None and best is not None
            losses.append(
                full_scan.seconds(fleet, asked, chosen.key, now) / full_scan.seconds(fleet, asked, best, now) - 1
            )
    assert mean(losses) <= 0.02
    assert quantiles(losses, n=100)[-1] <= 0.05
