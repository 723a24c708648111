"""No key makes, renews or revokes one that can do more than itself; an admin's may do everything."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from coordinator.accounts.chains import Counter
from coordinator.accounts.key_rules import (
    CAPS,
    MOST_DEEP,
    check_depth,
    check_expiry,
    check_heir,
    check_limits,
    check_owner,
    check_scopes,
    scopes_to_inherit,
)
from coordinator.accounts.keys_in_use import Principal
from coordinator.accounts.quota import Quota
from coordinator.accounts.rows import KeyLimits, KeyRow
from wire.errors import ErrorCode, SupernetError

OPERATORS = Quota(rpm=60, tpm=1000, concurrency=0)


def key(*scopes: str, rpm: int | None = None, expires_ms: int | None = None) -> Principal:
    return Principal("key", "account", scopes, (Counter("key", KeyLimits(rpm)),), expires_ms=expires_ms)


def refused(check: Callable[..., None], *asked: Any) -> bool:
    try:
        check(*asked)
    except SupernetError as error:
        assert error.code is ErrorCode.PERMISSION_DENIED
        return True
    return False


def test_a_new_key_inherits_all_scopes_but_admin() -> None:
    assert scopes_to_inherit(key("client")) == ["client"]
    assert scopes_to_inherit(key("admin", "metrics")) == ["metrics"]
    assert scopes_to_inherit(key("admin")) == ["client", "worker"]


def test_a_scope_that_the_key_lacks_is_refused() -> None:
    check_scopes(key("client", "worker"), ("worker",))
    check_scopes(key("admin"), ("metrics",))
    with pytest.raises(SupernetError, match="lacks the scope metrics"):
        check_scopes(key("client"), ("client", "metrics"))


@pytest.mark.parametrize(
    ("own", "wanted", "wrong"),
    [
        (5, KeyLimits(rpm=5), False),
        (5, KeyLimits(rpm=6), True),
        (5, KeyLimits(), True),  # the operator's 60
        (5, KeyLimits(rpm=0), True),  # none at all
        (None, KeyLimits(rpm=60), False),
        (None, KeyLimits(rpm=61), True),
        (None, KeyLimits(concurrency=10**6), False),  # the operator sets no limit
    ],
)
def test_a_looser_limit_is_refused(own: int | None, wanted: KeyLimits, wrong: bool) -> None:
    assert refused(check_limits, key("client", rpm=own), wanted, OPERATORS) == wrong
    assert not refused(check_limits, key("admin", rpm=own), wanted, OPERATORS)


@pytest.mark.parametrize(("own", "wanted", "wrong"), [(9, 9, False), (9, 10, True), (9, None, True), (None, 10, False)])
def test_a_key_that_outlives_the_one_that_makes_it_is_refused(own: int | None, wanted: int | None, wrong: bool) -> None:
    assert refused(check_expiry, key("client", expires_ms=own), wanted) == wrong
    assert not refused(check_expiry, key("admin", expires_ms=own), wanted)


ROW = KeyRow("root", "account", "r", "h", "sk", ("client",), 1)
UNDER = Principal(
    "key", "account", ("client",), (Counter("key", KeyLimits()), Counter("root", KeyLimits(cap_day_nano=5)))
)


@pytest.mark.parametrize(("wanted", "wrong"), [(5, False), (6, True), (None, True)])
def test_a_cap_beyond_those_that_hold_for_the_key_itself_is_refused(wanted: int | None, wrong: bool) -> None:
    limits = KeyLimits(cap_day_nano=wanted)
    assert refused(check_limits, UNDER, limits, OPERATORS, CAPS) == wrong
    assert not refused(check_limits, UNDER, limits, OPERATORS), "it is not asked for"
    assert not refused(check_limits, UNDER, limits, OPERATORS, ["cap_month_nano"])
    admin = Principal("key", "account", ("admin",), UNDER.counters)
    assert not refused(check_limits, admin, limits, OPERATORS, CAPS)


def test_a_capped_key_renews_itself_and_not_the_one_that_it_was_made_with_and_that_may_spend_more() -> None:
    capped = (Counter("key", KeyLimits(cap_day_nano=5)), Counter("root", KeyLimits(), pays=False))
    principal = Principal("key", "account", ("client",), capped)
    assert refused(check_heir, principal, ROW)
    assert not refused(check_heir, principal, replace(ROW, limits=KeyLimits(cap_day_nano=5)))
    assert not refused(check_heir, principal, replace(ROW, id="key"))
    assert not refused(check_heir, principal, replace(ROW, id="other")), "its heir counts for this key too"
    assert not refused(check_heir, UNDER, ROW), "what is not capped below may have what counts above"


def test_keys_that_were_each_made_with_the_one_before_are_bounded() -> None:
    for length, wrong in ((MOST_DEEP - 1, False), (MOST_DEEP, True)):
        counters = tuple(Counter(f"k{number}", KeyLimits()) for number in range(length))
        assert refused(check_depth, Principal("k0", "account", ("client",), counters)) == wrong


def test_the_rates_that_the_operator_gave_are_the_operators_and_the_caps_the_owners() -> None:
    assert refused(check_owner, key("client"), ROW, ["rpm"])
    assert not refused(check_owner, key("client"), ROW, [*CAPS])
    assert not refused(check_owner, key("client"), replace(ROW, parent="x"), ["rpm"])
    assert not refused(check_owner, key("admin"), ROW, ["rpm"])
