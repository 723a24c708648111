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


# ---- several replicas ------------------------------------------------------------------------------------------------


def tell(teller: Fairness, *hearers: Fairness) -> None:
    for charge in teller.take_charges("m"):
        for hearer in hearers:
            hearer.charged_elsewhere(charge)


def test_what_one_replica_charges_counts_at_the_others_and_is_told_once() -> None:
    here, there = Fairness(), Fairness()
    here.charge("a", 90, 3.0)
    here.charge("a", -6, 3.0)
    there.charge("a", 1, 1.0)
    tell(here, there)
    assert there.counter("a") == 29
    tell(there, here)
    assert here.counter("a") == 29, "only what was charged there is told, not what was heard"
    assert here.take_charges("m") == there.take_charges("m") == []


def test_who_comes_to_a_replica_that_was_idle_starts_where_the_others_are() -> None:
    """Its own floor would be that of an hour ago, and a newcomer would be served alone until it had caught up."""
    busy, idle = Fairness(), Fairness()
    for _ in range(100):
        for account in ("a", "b"):
            busy.chosen(account)
            busy.charge(account, 10, 1.0)
        tell(busy, idle)
    idle.arrive("new")
    assert idle.counter("a") == 1000
    assert idle.counter("new") == pytest.approx(1000, abs=10)


def test_a_replica_that_joins_is_told_how_the_accounts_stand_to_each_other() -> None:
    old, joiner = Fairness(), Fairness()
    for account, tokens in (("a", 500), ("b", 700), ("c", 650)):
        old.charge(account, tokens, 1.0)
    old.chosen("a")
    for charge in old.standing("m"):
        joiner.charged_elsewhere(charge)
    assert [joiner.counter(each) - joiner.counter("a") for each in "abc"] == [0, 200, 150]


def test_how_an_account_stands_elsewhere_counts_once_however_often_it_is_said() -> None:
    old, joiner = Fairness(), Fairness()
    old.charge("a", 500, 1.0)
    for charge in old.take_charges("m"):
        joiner.charged_elsewhere(charge)
    for charge in 2 * old.standing("m"):
        joiner.stands_elsewhere(charge)
    assert joiner.counter("a") == 500


def test_what_nobody_asks_for_is_bounded() -> None:
    fairness = Fairness(most=10)
    for number in range(1000):
        fairness.charge(f"a{number}", 1, 1.0)
    assert len(fairness.take_charges("m")) <= 10
