import pytest

from coordinator.scheduler.fairness import Fairness, cost, crowds, room


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


def test_one_slot_of_sixteen_is_left_free_and_four_at_most() -> None:
    assert [room(slots) for slots in (1, 15, 16, 32, 64, 10_000)] == [0, 0, 1, 2, 4, 4]


def test_an_account_crowds_if_it_holds_what_one_more_would_need() -> None:
    assert crowds(held=16, accounts=1, slots=32) and not crowds(held=15, accounts=1, slots=32)
    assert crowds(held=11, accounts=2, slots=32) and not crowds(held=10, accounts=2, slots=32)
    assert not crowds(held=0, accounts=500, slots=32)
