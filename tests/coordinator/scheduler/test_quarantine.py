from coordinator.scheduler.quarantine import KEEP_S, Probation
from coordinator.scheduler.state import Lease, Limits
from tests.coordinator.dispatch.driver import M

TEST = Lease("t", 1, "w", M, "a", since=0)


def test_a_rest_is_over_with_its_time_and_a_passed_test() -> None:
    probation = Probation(Limits(rest_s=10))
    assert probation.may_serve("w")
    probation.rest("w", 0)
    assert probation.due(9) == []
    assert probation.due(10) == ["w"]
    probation.begin("w", TEST)
    assert probation.due(10) == []
    assert probation.tests() == [("w", TEST)]
    assert not probation.may_serve("w")
    probation.end("w", passed=True)
    assert probation.may_serve("w")
    assert probation.due(10) == []
    assert probation.failures("w") == 1  # until a client's job succeeds


def test_a_test_without_a_verdict_is_made_again() -> None:
    probation = Probation(Limits(rest_s=10))
    probation.rest("w", 0)
    probation.begin("w", TEST)
    probation.end("w", passed=False)
    assert probation.due(10) == ["w"]


def test_pauses_grow_to_their_bound_and_a_success_forgets_them() -> None:
    probation = Probation(Limits(rest_s=10, rest_max_s=30))
    for now, until in ((0, 10), (100, 120), (200, 230), (300, 330)):
        probation.rest("w", now)
        assert probation.due(until - 1) == []
        assert probation.due(until) == ["w"]
    probation.succeeded("w")
    assert probation.may_serve("w")
    probation.rest("w", 400)
    assert probation.due(410) == ["w"]


def test_a_fault_after_a_passed_test_is_the_next_in_the_row() -> None:
    probation = Probation(Limits(rest_s=10))
    probation.rest("w", 0)
    probation.end("w", passed=True)
    probation.rest("w", 100)
    assert not probation.may_serve("w")
    assert probation.due(119) == []
    assert probation.due(120) == ["w"]


def test_rests_are_forgotten_long_after_they_ended() -> None:
    probation = Probation(Limits(rest_s=10, rest_max_s=20))
    probation.rest("w", 0)
    probation.forget(9 + KEEP_S)
    assert probation.failures("w") == 1
    probation.forget(11 + KEEP_S)
    assert probation.may_serve("w")
