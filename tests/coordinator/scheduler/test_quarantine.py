from coordinator.scheduler.quarantine import KEEP_S, Quarantine
from coordinator.scheduler.state import Lease, Limits
from tests.coordinator.dispatch.driver import M

TEST = Lease("t", 1, "w", M, "a", since=0)


def test_a_rest_is_over_with_its_time_and_a_passed_test() -> None:
    quarantine = Quarantine(Limits(rest_s=10))
    assert quarantine.may_serve("w")
    quarantine.rest("w", 0)
    assert quarantine.due(9) == []
    assert quarantine.due(10) == ["w"]
    quarantine.begin("w", TEST)
    assert quarantine.due(10) == []
    assert quarantine.tests() == [("w", TEST)]
    assert not quarantine.may_serve("w")
    quarantine.end("w", passed=True)
    assert quarantine.may_serve("w")
    assert quarantine.due(10) == []
    assert quarantine.failures("w") == 1  # until a client's job succeeds


def test_a_test_without_a_verdict_is_made_again() -> None:
    quarantine = Quarantine(Limits(rest_s=10))
    quarantine.rest("w", 0)
    quarantine.begin("w", TEST)
    quarantine.end("w", passed=False)
    assert quarantine.due(10) == ["w"]


def test_pauses_grow_to_their_bound_and_a_success_forgets_them() -> None:
    quarantine = Quarantine(Limits(rest_s=10, rest_max_s=30))
    for now, until in ((0, 10), (100, 120), (200, 230), (300, 330)):
        quarantine.rest("w", now)
        assert quarantine.due(until - 1) == []
        assert quarantine.due(until) == ["w"]
    quarantine.succeeded("w", "m")
    assert quarantine.may_serve("w")
    quarantine.rest("w", 400)
    assert quarantine.due(410) == ["w"]


def test_a_fault_after_a_passed_test_is_the_next_in_the_row() -> None:
    quarantine = Quarantine(Limits(rest_s=10))
    quarantine.rest("w", 0)
    quarantine.end("w", passed=True)
    quarantine.rest("w", 100)
    assert not quarantine.may_serve("w")
    assert quarantine.due(119) == []
    assert quarantine.due(120) == ["w"]


def test_rests_are_forgotten_long_after_they_ended() -> None:
    quarantine = Quarantine(Limits(rest_s=10, rest_max_s=20))
    quarantine.rest("w", 0)
    quarantine.forget(9 + KEEP_S)
    assert quarantine.failures("w") == 1
    quarantine.forget(11 + KEEP_S)
    assert quarantine.may_serve("w")


def test_a_rest_that_was_only_inherited_goes_with_its_worker() -> None:
    """New ids are free: before, each was kept for an hour, and all of them were looked through four times a second."""
    quarantine = Quarantine(Limits(rest_s=10))
    quarantine.rest("mallory/0", 0)
    for number in range(1, 1000):
        quarantine.inherit(name := f"mallory/{number}")
        assert not quarantine.may_serve(name)
        quarantine.left(name)
    assert quarantine.waiting(5) == {"mallory/0": 5}


def test_a_rest_of_its_own_stays_when_its_worker_leaves() -> None:
    quarantine = Quarantine(Limits(rest_s=10))
    quarantine.rest("mallory/0", 0)
    quarantine.inherit("mallory/1")
    quarantine.rest("mallory/1", 20)
    quarantine.left("mallory/1")
    quarantine.left("mallory/0")
    assert not quarantine.may_serve("mallory/0") and not quarantine.may_serve("mallory/1")
