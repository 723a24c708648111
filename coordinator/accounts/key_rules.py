"""What a key may do to keys of its account: make, renew, change or revoke none that can do more than itself.

A key with the scope `admin` may do everything. All functions raise SupernetError permission_denied.
"""

from collections.abc import Collection

from coordinator.accounts.chains import Counter
from coordinator.accounts.keys_in_use import Principal
from coordinator.accounts.quota import Quota, quota_of
from coordinator.accounts.rows import KeyLimits, KeyRow
from coordinator.accounts.scopes import DEFAULT_SCOPES
from wire.errors import ErrorCode, SupernetError

RATES = ("rpm", "tpm", "concurrency")
CAPS = {"cap_day_nano": "day", "cap_month_nano": "month"}
MOST_DEEP = 32  # keys for which one request counts: each was made with the one before


def scopes_to_inherit(principal: Principal) -> list[str]:
    """The scopes of a new key when the request names none: those of the key that makes it, without `admin`."""
    return [scope for scope in principal.scopes if scope != "admin"] or list(DEFAULT_SCOPES)


def check_scopes(principal: Principal, scopes: tuple[str, ...]) -> None:
    """Refuse a scope that the principal lacks itself."""
    beyond = sorted(set(scopes) - set(principal.scopes))
    if beyond and "admin" not in principal.scopes:
        raise _denied(f"This API key lacks the scope {', '.join(beyond)}: it can neither give nor take it.")


def check_platform_tools(principal: Principal, on: bool) -> None:
    """Refuse a key with the platform tools on to one that has them off itself."""
    if on and not principal.platform_tools and "admin" not in principal.scopes:
        raise _denied("This API key has the platform tools switched off: it makes no key that has them on.")


def outlived(principal: Principal) -> int | None:
    """When what the principal makes ends at the latest; None: never. A browser's session ends, and the keys that a
    person makes in it do not."""
    return principal.expires_ms if principal.session_ends_ms is None else None


def check_expiry(principal: Principal, expires_ms: int | None) -> None:
    """Refuse a key that outlives the principal."""
    latest = outlived(principal)
    beyond = latest is not None and (expires_ms is None or expires_ms > latest)
    if beyond and "admin" not in principal.scopes:
        raise _denied("This API key expires before that: ask for less time.")


def check_limits(principal: Principal, limits: KeyLimits, default: Quota, among: Collection[str] = RATES) -> None:
    """Refuse limits that are looser than the principal's own, of those named in `among`."""
    if "admin" in principal.scopes:
        return
    mine, other = quota_of(principal.limits, default), quota_of(limits, default)
    for name in filter(among.__contains__, RATES):
        most = getattr(mine, name)
        if most and not 0 < getattr(other, name) <= most:
            raise _denied(f"This API key's own {name} is {most}: ask for no more.")
    _check_caps(principal.paying, limits, among)


def check_heir(principal: Principal, row: KeyRow) -> None:
    """Refuse to renew a key with which the principal was made, and which may spend what the principal may not."""
    names = [counter.name for counter in principal.counters]
    if row.counters in names and "admin" not in principal.scopes:
        below = principal.counters[: names.index(row.counters)]
        _check_caps([counter for counter in below if counter.pays], row.limits, CAPS)


def check_depth(principal: Principal) -> None:
    """Refuse one more key that counts for all those that the principal counts for."""
    if len(principal.paying) >= MOST_DEEP:
        message = (
            f"This API key is the last of {MOST_DEEP} that were each made with the one before: renew it with POST"
            " /v1/account/keys/{id}/regenerate instead, or make keys with an older one."
        )
        raise _denied(message)


def check_owner(principal: Principal, row: KeyRow, names: Collection[str]) -> None:
    """Refuse to change the rate limits of a key that the operator gave: they hold for all that is made with it."""
    if row.parent is None and set(names) & set(RATES) and "admin" not in principal.scopes:
        message = (
            "This key was given by the operator, or is the account's first, and its rate limits hold for all keys that"
            " are made with it: the operator changes them (supernet-coordinator key set). Its caps are yours to change."
        )
        raise _denied(message)


def _check_caps(bounds: Collection[Counter], limits: KeyLimits, among: Collection[str]) -> None:
    for name, period in CAPS.items():
        caps = [cap for counter in bounds if (cap := getattr(counter.limits, name)) is not None]
        if name in among and caps and not 0 < (getattr(limits, name) or 0) <= min(caps):
            message = (
                f"What this API key may spend itself in a {period} is capped, at {min(caps)} nano-dollars: ask for no"
                " more, or do this signed in, or with a key that has no such cap."
            )
            raise _denied(message)


def _denied(message: str) -> SupernetError:
    return SupernetError(ErrorCode.PERMISSION_DENIED, message)
