"""The bench of dispatch at its smallest."""

from tools.bench.dispatch import CASES, measure


def test_each_case_is_measured_and_told_with_its_spread() -> None:
    figures = measure(workers=3, rounds=2)
    assert [figure.case for figure in figures] == list(CASES)
    for figure in figures:
        assert figure.workers == 3
        assert 0 < figure.least <= figure.median <= figure.most
