from dataclasses import replace

from coordinator.billing.refusals import capped, insufficient
from coordinator.ledger.orders import Capped, Counted
from tests.coordinator.ledger.builders import Client, hold
from wire.errors import ErrorCode

ASKED = replace(
    hold(Client("a", "key_b"), nano=30_000_000), at_ms=1_796_126_400_000, counted=(Counted("key_b"), Counted("key_a"))
)


def test_a_cap_is_told_with_what_holds_it_and_until_when() -> None:
    error = capped(ASKED, Capped("key_b", "day", 5_000_000_000, 4_990_000_000))
    assert error.code is ErrorCode.INSUFFICIENT_QUOTA and error.row.status == 402
    assert error.message == (
        "This request can cost up to $0.03, and of the $5 that this API key may spend in a day $4.99 are spent, or held"
        " for requests that run: ask for fewer max_tokens, have the account's owner raise the cap, or wait until"
        " 2026-12-02 00:00 UTC, when it is free again."
    )
    above = capped(replace(ASKED, kind="image"), Capped("key_a", "month", 5, 5)).message
    assert "the API key key_a, with which this one was made, may spend in a month" in above
    assert "2027-01-01 00:00 UTC" in above and "fewer, smaller or shorter ones" in above


def test_a_balance_that_is_too_small_is_told_with_what_would_help() -> None:
    error = insufficient(ASKED, 1_000_000_000)
    assert error.code is ErrorCode.INSUFFICIENT_QUOTA
    assert "the account has $1 (its spark and sogni are counted)" in error.message
    assert "its sogni are counted" in insufficient(replace(ASKED, token_type="sogni"), 0).message
