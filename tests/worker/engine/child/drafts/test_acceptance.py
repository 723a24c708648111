import pytest

from worker.engine.child.drafts.acceptance import Acceptance


def test_it_begins_with_what_is_usual_and_comes_to_its_own() -> None:
    usual = Acceptance(0.5, weight=2.0, memory=1000.0)
    own = Acceptance(usual, weight=2.0, memory=1000.0)
    assert own.rate == 0.5
    for _ in range(30):
        usual.record(1, 1)
    assert own.rate == usual.rate > 0.9
    for _ in range(30):
        own.record(0, 1)
    assert own.rate < 0.1


def test_behind_the_first_wrong_guess_none_was_tried() -> None:
    short, long = (Acceptance(0.5, weight=1.0, memory=1000.0) for _ in range(2))
    short.record(2, 3)
    long.record(2, 30)
    assert short.rate == long.rate == pytest.approx(2.5 / 4, abs=0.01)


def test_what_was_long_ago_counts_little() -> None:
    found = Acceptance(0.5, weight=2.0, memory=20.0)
    for _ in range(200):
        found.record(8, 8)
    for _ in range(40):
        found.record(0, 8)
    assert found.rate < 0.25
