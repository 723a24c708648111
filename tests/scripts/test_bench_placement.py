import pytest

from scripts.bench_placement.__main__ import CASES, compared, cost


@pytest.mark.parametrize("name", ["own system prompts", "3 shared system prompts"])
def test_conversations_find_twice_the_cache_that_chance_would_find(name: str) -> None:
    cached, first_token = compared(name, 3, *CASES[name])
    assert cached.ratio is not None and cached.ratio >= 2
    assert first_token.ratio is not None and first_token.ratio < 1


def test_what_it_costs_is_told_in_microseconds() -> None:
    assert [each.unit for each in cost(1)] == ["µs", "µs"]
