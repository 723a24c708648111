import pytest

from worker.engine.child.drafts.step_cost import StepCost

FIRST = {1: 1.0, 4: 2.5, 8: 4.5}


def test_between_and_beyond_measured_sizes_each_row_costs_the_same() -> None:
    cost = StepCost(FIRST)
    assert [cost.of(rows) for rows in (1, 2, 4, 6, 8, 12)] == pytest.approx([1.0, 1.5, 2.5, 3.5, 4.5, 6.5])
    assert StepCost({4: 2.0}).of(8) == 4.0


def test_what_steps_take_is_learnt_and_one_busy_moment_is_not() -> None:
    cost = StepCost(FIRST)
    for _ in range(20):
        cost.record([1], 1.0)
        cost.record([4], 1.2)
    assert cost.of(4) / cost.of(1) == pytest.approx(1.2, rel=0.05)
    before = cost.of(8) / cost.of(4)
    cost.record([4], 50.0)
    for _ in range(30):
        cost.record([1], 1.0)
    assert cost.of(4) / cost.of(1) == pytest.approx(1.2, rel=0.05)
    assert cost.of(8) / cost.of(4) == pytest.approx(before, rel=0.05)


def test_a_machine_that_slows_down_makes_no_size_dearer_than_another() -> None:
    """Deeper answers, other programs: what was measured before is as true as it was."""
    cost = StepCost(FIRST)
    for step in range(200):
        cost.record([1], 1.0 + step / 20)
    assert cost.of(8) / cost.of(1) == pytest.approx(4.5, rel=0.1)


def test_of_two_passes_the_larger_is_what_the_other_leaves() -> None:
    cost = StepCost(FIRST)
    for _ in range(40):
        cost.record([1], 1.0)
        cost.record([1, 8], 1.0 + 3.0)
    assert cost.of(8) / cost.of(1) == pytest.approx(3.0, rel=0.1)


def test_what_two_passes_cost_more_than_one_is_learnt_though_the_one_has_more_rows() -> None:
    cost = StepCost({1: 1.0, 4: 1.3, 15: 2.9, 16: 3.0})
    for _ in range(40):
        cost.record([16], 3.0)
        cost.record([15, 4], 5.5)
    assert (cost.of(15) + cost.of(4)) / cost.of(16) == pytest.approx(5.5 / 3.0, rel=0.1)


def test_a_pass_is_no_dearer_than_passes_of_fewer_rows_that_have_as_many() -> None:
    cost = StepCost({1: 1.0, 4: 2.0, 8: 9.0})
    assert [cost.of(rows) for rows in (4, 5, 8, 9, 16)] == pytest.approx([2.0, 3.75, 4.0, 6.0, 8.0])


def test_a_clock_that_stands_still_divides_nothing_by_nought() -> None:
    cost = StepCost({1: 0.0})
    cost.record([1], 0.0)
    cost.record([2], 0.0)
    assert cost.of(2) > 0
