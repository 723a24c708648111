"""Every kind has its words."""

from coordinator.alerts.kinds import ACCOUNT, OF_OPERATOR, kinds
from coordinator.alerts.messages import TITLES


def test_every_kind_has_a_title_for_its_beginning_and_for_its_end() -> None:
    known = kinds(60.0)
    assert set(TITLES) == set(known) == set(ACCOUNT) | set(OF_OPERATOR)
    assert all(bool(TITLES[name][1]) == kind.ends for name, kind in known.items())


def test_how_long_a_worker_is_away_is_the_operators_to_say() -> None:
    assert kinds(7.0)["worker_down"].rule.delay_s == kinds(7.0)["worker_problem"].rule.delay_s == 7.0
    assert kinds(7.0)["worker_hot"] == ACCOUNT["worker_hot"]
