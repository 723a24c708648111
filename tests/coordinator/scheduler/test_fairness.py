import pytest

from coordinator.scheduler.fairness import Fairness, cost


def test_a_prompt_token_counts_a_third_of_a_completion_token_as_it_costs() -> None:
    assert cost(300, 20) == pytest.approx(120)


def test_a_charge_is_divided_by_the_weight() -> None:
    fairness = Fairness()
    fairness.charge("a", 100, 2.0)
    fairness.charge("a", -20, 2.0)
    assert fairness.counter("a") == 40
    fairness.charge("b", 1, 0.0)
    assert fairness.counter("b") == 1000


def test_who_comes_back_stands_no_lower_than_the_one_served_last() -> None:
    fairness = Fairness()
    fairness.charge("idle", 5, 1)
    fairness.charge("busy", 100, 1)
    fairness.chosen("busy")
    fairness.charge("busy", 50, 1)
    fairness.chosen("idle")
    assert fairness.floor == 100
    fairness.arrive("idle")
    fairness.arrive("busy")
    fairness.arrive("new")
    assert [fairness.counter(each) for each in ("idle", "busy", "new")] == [100, 150, 100]


def test_counters_are_bounded_and_the_highest_are_kept() -> None:
    fairness = Fairness(most=10)
    for i in range(100):
        fairness.charge(f"a{i}", i, 1)
        assert len(fairness) <= 10
    assert fairness.counter("a99") == 99
    fairness.charge("low", 1, 1)
    fairness.chosen("a99")
    for i in range(10):
        fairness.charge(f"b{i}", 1, 1)
    assert fairness.counter("low") == 99, "forgotten, and no worse for it"
