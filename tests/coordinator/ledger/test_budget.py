"""The operator's bound for what given tokens may pay out."""

from coordinator.ledger.budget import Budget


def test_no_account_gets_more_than_a_quarter_of_a_day() -> None:
    assert Budget(1000).account_nano == 250
    assert Budget(0).account_nano == 0
