"""What a key may do to keys of its account: make, renew or revoke none that can do more than itself.

A key with the scope `admin` may do everything. All functions raise SupernetError permission_denied.
"""

from coordinator.accounts.keys_in_use import Principal
from coordinator.accounts.quota import Quota, quota_of
from coordinator.accounts.rows import KeyLimits
from coordinator.accounts.scopes import DEFAULT_SCOPES
from wire.errors import ErrorCode, SupernetError


def scopes_to_inherit(principal: Principal) -> list[str]:
    """The scopes of a new key when the request names none: those of the key that makes it, without `admin`."""
    return [scope for scope in principal.scopes if scope != "admin"] or list(DEFAULT_SCOPES)


def check_scopes(principal: Principal, scopes: tuple[str, ...]) -> None:
    """Refuse a scope that the principal lacks itself."""
    beyond = sorted(set(scopes) - set(principal.scopes))
    if beyond and "admin" not in principal.scopes:
        message = f"This API key lacks the scope {', '.join(beyond)}: it can neither give nor take it."
        raise SupernetError(ErrorCode.PERMISSION_DENIED, message)


def check_platform_tools(principal: Principal, on: bool) -> None:
    """Refuse a key with the platform tools on to one that has them off itself."""
    if on and not principal.platform_tools and "admin" not in principal.scopes:
        message = "This API key has the platform tools switched off: it makes no key that has them on."
        raise SupernetError(ErrorCode.PERMISSION_DENIED, message)


def outlived(principal: Principal) -> int | None:
    """When what the principal makes ends at the latest; None: never. A browser's session ends, and the keys that a
    person makes in it do not."""
    return principal.expires_ms if principal.session_ends_ms is None else None


def check_limits(principal: Principal, limits: KeyLimits, expires_ms: int | None, default: Quota) -> None:
    """Refuse limits that are looser than the principal's own, or a key that outlives it."""
    if "admin" in principal.scopes:
        return
    mine, other = quota_of(principal.limits, default), quota_of(limits, default)
    for name in ("rpm", "tpm", "concurrency"):
        most = getattr(mine, name)
        if most and not 0 < getattr(other, name) <= most:
            raise SupernetError(ErrorCode.PERMISSION_DENIED, f"This API key's own {name} is {most}: ask for no more.")
    latest = outlived(principal)
    if latest is not None and (expires_ms is None or expires_ms > latest):
        raise SupernetError(ErrorCode.PERMISSION_DENIED, "This API key expires before that: ask for less time.")
