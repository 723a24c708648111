"""An account's workers dial as often as they need to, and no more."""

from coordinator.admission.dials import MOST, PER_S, WAIT_S, Dials
from coordinator.scheduler.state import Limits


def test_all_workers_of_an_account_may_come_at_once_and_again() -> None:
    dials = Dials()
    for now in (0.0, 40.0, 80.0):
        assert not any(dials.wait_s("owner", now) for _ in range(Limits().workers_per_account))


def test_who_dials_without_end_is_told_to_wait_and_others_are_not() -> None:
    dials = Dials()
    waits = [dials.wait_s("dialler", number / 500) for number in range(10_000)]
    assert set(waits) == {0.0, WAIT_S}
    assert MOST <= waits.count(0.0) <= MOST + 20 * PER_S
    assert dials.wait_s("honest", 20.0) == 0.0
    assert dials.wait_s("dialler", 20.0 + WAIT_S) == 0.0
