import asyncio

import pytest

from tools.bench.placement import real
from tools.bench.placement.__main__ import CASES, compared, cost

pytestmark = pytest.mark.process


@pytest.mark.parametrize("name", ["own system prompts", "3 shared system prompts"])
def test_conversations_find_twice_the_cache_that_chance_would_find(name: str) -> None:
    cached, first_token = compared(name, 3, *CASES[name])
    assert cached.ratio is not None and cached.ratio >= 2
    assert first_token.ratio is not None and first_token.ratio < 1


def test_what_it_costs_is_told_in_microseconds() -> None:
    assert [each.unit for each in cost(1)] == ["µs", "µs"]


def test_the_peer_is_a_coordinator_that_serves_and_real_turns_find_what_the_last_one_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(real, "WORKERS", 1)
    monkeypatch.setattr(real, "TURNS", 2)
    monkeypatch.setattr(real, "THINK_S", 0.1)
    with real.started("tools.bench.placement.at_random") as (network, keys):
        assert 0 < asyncio.run(real.share(network, keys, programs=4, seed=1)) < 1
