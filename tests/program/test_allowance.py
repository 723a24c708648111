"""A stranger may cause so much at once, and so much a second."""

from program.allowance import Allowance, Allowances


def test_what_is_there_may_be_taken_at_once_and_fills_with_time() -> None:
    bucket = Allowance(10, 2, now=100.0)
    assert bucket.take(10, 100.0)
    assert not bucket.take(1, 100.25)
    assert bucket.take(1, 100.5)
    assert not bucket.take(0.5, 100.5)


def test_it_never_holds_more_than_its_most() -> None:
    bucket = Allowance(10, 2, now=0.0)
    assert bucket.full(0.0)
    assert not bucket.take(11, 1000.0)
    assert bucket.take(10, 1000.0) and not bucket.full(1004.9)
    assert bucket.full(1005.0)


def test_what_was_refused_costs_nothing_and_a_clock_that_stands_gives_nothing() -> None:
    bucket = Allowance(4, 1, now=5.0)
    assert not bucket.take(5, 5.0)
    assert bucket.take(4, 5.0)
    assert not bucket.take(1, 3.0)


def test_each_name_has_its_own_and_no_more_are_kept_than_are_being_spent() -> None:
    each = Allowances(1000, 100)
    for n in range(1000):
        assert each.take(f"account-{n}", 1000, 10.0 * n)
        assert not each.take(f"account-{n}", 1, 10.0 * n)
    assert len(each._each) < 20
