import pytest

from tools.bench.drafts.possible import Place, between, gain, places

FILE = [number * number % 9973 for number in range(200)]
COSTS = between({1: 1.0, 4: 2.5, 8: 4.5})


def test_rows_between_measured_ones_cost_as_if_each_cost_the_same() -> None:
    assert [COSTS(rows) for rows in (1, 2, 4, 6, 8, 12)] == pytest.approx([1.0, 1.5, 2.5, 3.5, 4.5, 6.5])


def test_a_copy_is_guessed_as_far_as_the_answer_goes_and_what_stands_nowhere_is_not() -> None:
    copied = places([*FILE, *FILE[:10]], FILE[10:20])
    assert [place.right for place in copied] == list(range(9, 0, -1)) and all(place.guessed for place in copied)
    assert places(FILE, [20_000 + number for number in range(10)]) == [Place(0, 0)] * 9


def test_the_best_length_is_what_a_step_costs_beside_what_it_yields() -> None:
    right, wrong = [[Place(9, 9)] * 60], [[Place(9, 0)] * 60]
    for even in (True, False):
        assert gain(right, [1, 3], lambda _rows: 1.0, even) == pytest.approx(4, rel=0.1)
        assert gain(right, [1, 3], lambda rows: rows, even) == pytest.approx(1)
        assert gain(wrong, [1, 3], lambda _rows: 1.0, even) == 1


def test_who_has_no_guess_has_a_pass_of_its_own_where_passes_are_even() -> None:
    streams = [[Place(9, 9)] * 40, [Place(0, 0)] * 20]
    assert gain(streams, [1], lambda _rows: 1.0, even=True) == 1
    assert gain(streams, [1], lambda _rows: 1.0, even=False) == pytest.approx(2, rel=0.1)
