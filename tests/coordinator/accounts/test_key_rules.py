"""No key makes, renews or revokes one that can do more than itself; an admin's may do everything."""

import pytest

from coordinator.accounts.chains import Counter
from coordinator.accounts.key_rules import check_limits, check_scopes, scopes_to_inherit
from coordinator.accounts.keys_in_use import Principal
from coordinator.accounts.quota import Quota
from coordinator.accounts.rows import KeyLimits
from wire.errors import ErrorCode, SupernetError

OPERATORS = Quota(rpm=60, tpm=1000, concurrency=0)


def key(*scopes: str, rpm: int | None = None, expires_ms: int | None = None) -> Principal:
    return Principal("key", "account", scopes, (Counter("key", KeyLimits(rpm)),), expires_ms=expires_ms)


def limits_refused(principal: Principal, limits: KeyLimits, expires_ms: int | None = None) -> bool:
    try:
        check_limits(principal, limits, expires_ms, OPERATORS)
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
    assert limits_refused(key("client", rpm=own), wanted) == wrong
    assert not limits_refused(key("admin", rpm=own), wanted)


@pytest.mark.parametrize(("own", "wanted", "wrong"), [(9, 9, False), (9, 10, True), (9, None, True), (None, 10, False)])
def test_a_key_that_outlives_the_one_that_makes_it_is_refused(own: int | None, wanted: int | None, wrong: bool) -> None:
    assert limits_refused(key("client", expires_ms=own), KeyLimits(), wanted) == wrong
