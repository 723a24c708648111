"""Balances and prices in the SDKs' words: decimal text that adds up."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from coordinator.ledger.grants import Balance
from coordinator.ledger.pricing import Units
from coordinator.sogni.account import authenticated, balances_json, cost_json, quote_json

UNITS = Units(10_000_000)
amounts = st.integers(0, 10**15)


@given(amounts, amounts, amounts, amounts, amounts)
def test_settled_and_credit_less_debit_are_net(available: int, given: int, held: int, credit: int, earned: int) -> None:
    balance = Balance(available + given, given, held, 0, credit, earned)
    told = balances_json({"spark": balance, "sogni": balance}, UNITS)
    assert set(told) == {"spark", "sogni"}
    for currency, shown in told.items():
        values = {name: Decimal(text) for name, text in shown.items()}
        assert values["settled"] + values["credit"] - values["debit"] == values["net"]
        unit = 5_000_000 if currency == "spark" else 10_000_000
        assert abs(values["net"] * unit - (available + given)) < 1
        assert abs(values["fastUnclaimed"] * unit - (credit + earned)) < 1
    assert abs(Decimal(told["spark"]["premiumCredit"]) * 5_000_000 - available) < 1
    assert "premiumCredit" not in told["sogni"]


def test_the_first_frame_names_the_account_and_no_job() -> None:
    told = authenticated("acc_1", "alice", {"spark": {}})
    assert (told["id"], told["username"], told["clientType"]) == ("acc_1", "alice", "artist")
    assert told["activeLLMJobIDs"] == told["activeProjects"] == told["unclaimedCompletedProjects"] == []
    assert told["subscriptionEntitlement"]["active"] is False


def test_an_amount_is_told_in_all_units() -> None:
    assert cost_json(5_000_000, "auto", UNITS) == {
        "costInUSD": "0.005",
        "costInToken": "1",
        "costInSpark": "1",
        "costInSogni": "0.5",
    }
    assert cost_json(5_000_000, "sogni", UNITS)["costInToken"] == "0.5"
    assert quote_json(5_000_000, "sogni", UNITS) == {
        "costInUSD": 0.005,
        "costInToken": 0.5,
        "costInSpark": 1.0,
        "costInSogni": 0.5,
    }
