"""/v1/account/keys: the keys of an account, made, changed, renewed and revoked by a key of it, within
accounts/key_rules.py; and what a key may ask about itself."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coordinator.accounts.accounts import KeyRequest
from coordinator.accounts.chains import Counter
from coordinator.accounts.key_rules import (
    CAPS,
    RATES,
    check_depth,
    check_expiry,
    check_heir,
    check_limits,
    check_owner,
    check_platform_tools,
    check_scopes,
    outlived,
    scopes_to_inherit,
)
from coordinator.accounts.keys_in_use import Principal
from coordinator.accounts.quota import quota_of
from coordinator.accounts.rows import AccountRow, KeyRow, get_key, list_keys
from coordinator.accounts.scopes import SCOPES
from coordinator.api.account_access import AccountAccess, translated
from coordinator.api.body import read_body
from coordinator.clock import now_ms
from coordinator.ledger.orders import Period
from coordinator.ledger.spend import ends_ms
from coordinator.ledger.spend_rows import Spent, spent_of
from coordinator.openai.fields import Fields, camel
from coordinator.openai.json_body import load
from coordinator.store.audit_log import Act
from wire.errors import ErrorCode, SupernetError, invalid

MAX_KEYS = 100  # in use, of one account
MAX_LIMIT = 10**9
MAX_CAP = 10**18
MAX_TIME_S = 10 * 366 * 86_400
CURRENT = "current"  # instead of an id: the key that asks


@dataclass(frozen=True)
class KeysApi:
    """The endpoints below /v1/account/keys."""

    access: AccountAccess

    async def list(self, request: Request) -> Response:
        _, account = await self.access.authenticate(request)
        rows = await self.access.read(list_keys, account.id)
        spent = await self._spent(account.id)
        data = [key_json(row, spent.get(row.counters)) for row in rows if row.session_ends_ms is None]
        return JSONResponse({"object": "list", "data": data})

    async def show(self, request: Request) -> Response:
        """One key; `current` is the one that asks, whatever its scopes, and is also told what holds for it."""
        if request.path_params["key_id"] != CURRENT:
            _, _, row = await self._addressed(request)
            return JSONResponse(await self._told(row))
        principal, _ = await self.access.authenticate(request, also=SCOPES)
        if principal.session_ends_ms is not None:
            raise SupernetError(ErrorCode.NOT_FOUND, "You are signed in, and ask with no key: name one by its id.")
        row = await self.access.read(get_key, principal.key)
        spent = await self._spent(row.account)
        holds = {
            "limits": asdict(quota_of(principal.limits, self.access.quota)),
            "remaining_nano_usd": _remaining(principal, spent),
            **{f"{period}_ends": ends_ms(period, now_ms()) // 1000 for period in _PERIODS},
        }
        return JSONResponse({**key_json(row, spent.get(row.counters)), **holds})

    async def create(self, request: Request) -> Response:
        """Make a key. The answer is the only place where the key itself is shown."""
        principal, account = await self.access.authenticate(request)
        fields = Fields(load(await read_body(request)))
        wanted = self._wanted(fields, account.id, principal)
        fields.finish()
        may = f"{wanted.name}: {', '.join(wanted.scopes)}"
        by = self.access.by(principal, account, "key create", may)
        if by.own and "admin" in wanted.scopes:
            by = replace(by, act=Act(principal.key, "key create", account.id, may))
        key, row = await translated(self.access.accounts.create(by, wanted))
        return JSONResponse({**key_json(row, None), "key": key}, 201)

    async def change(self, request: Request) -> Response:
        """Change what the body names of a key; a limit, a cap or an expiry that is null is taken away."""
        principal, account, row = await self._addressed(request)
        body = load(await read_body(request))
        fields = Fields(body)
        values = self._changes(fields, body, principal, row)
        fields.finish()
        by = self.access.by(principal, account, "key set", f"{row.id} {' '.join(sorted(values))}")
        return JSONResponse(await self._told(await translated(self.access.accounts.set(by, row.id, **values))))

    async def regenerate(self, request: Request) -> Response:
        """Make a new key like the old one, which has ended when this is answered."""
        principal, account, row = await self._addressed(request)
        check_limits(principal, row.limits, self.access.quota)
        check_expiry(principal, row.expires_ms)
        check_platform_tools(principal, row.platform_tools)
        check_heir(principal, row)
        if row.id != principal.key:
            check_depth(principal)
        by = self.access.by(principal, account, "key regenerate", row.id)
        key, new = await translated(self.access.accounts.regenerate(by, row.id, _counted(principal)))
        return JSONResponse({**await self._told(new), "key": key}, 201)

    async def revoke(self, request: Request) -> Response:
        principal, account, row = await self._addressed(request)
        by = self.access.by(principal, account, "key revoke", row.id)
        await translated(self.access.accounts.revoke(by, row.id))
        return JSONResponse({"object": "account.key.deleted", "id": row.id, "deleted": True})

    async def _addressed(self, request: Request) -> tuple[Principal, AccountRow, KeyRow]:
        """The caller, the account, and the key that the path names. Raises not_found unless it is in use and of this
        account, permission_denied if it can do more than the caller's."""
        principal, account = await self.access.authenticate(request)
        row = await self.access.read(get_key, request.path_params["key_id"])
        if row.account != account.id:
            raise SupernetError(ErrorCode.NOT_FOUND, "This account has no such key.")
        check_scopes(principal, row.scopes)
        return principal, account, row

    async def _spent(self, account: str) -> dict[str, Spent]:
        return await self.access.read(spent_of, account, now_ms())

    async def _told(self, row: KeyRow) -> dict[str, Any]:
        return key_json(row, (await self._spent(row.account)).get(row.counters))

    def _wanted(self, fields: Fields, account: str, principal: Principal) -> KeyRequest:
        """The key that the body describes. What the body leaves out is as with the key that makes it."""
        scopes = fields.take("scopes")
        if scopes is None:
            scopes = scopes_to_inherit(principal)
        if not isinstance(scopes, list) or not scopes or not all(isinstance(scope, str) for scope in scopes):
            raise invalid("scopes", "Invalid 'scopes': expected a list of names, such as ['client', 'worker'].")
        check_scopes(principal, tuple(scopes))
        check_depth(principal)
        seconds = fields.integer("expires_in_s", 60, MAX_TIME_S)
        expires_ms = now_ms() + seconds * 1000 if seconds is not None else outlived(principal)
        check_expiry(principal, expires_ms)
        given = {name: limit for name, limit in _limits(fields).items() if limit is not None}
        limits = replace(principal.limits, **given)
        check_limits(principal, limits, self.access.quota, (*RATES, *given))
        on = fields.flag("platform_tools")
        on = principal.platform_tools if on is None else on
        check_platform_tools(principal, on)
        name = _name(fields)
        if name is None:
            raise invalid("name", "Missing 'name': say what the key is for.")
        parent = next((counter.name for counter in _counted(principal)), None)
        by_person = principal.session_ends_ms is not None
        return KeyRequest(name, account, tuple(scopes), limits, expires_ms, parent, MAX_KEYS, on, by_person)

    def _changes(self, fields: Fields, body: Any, principal: Principal, row: KeyRow) -> dict[str, Any]:
        """What the body changes of a key, by the names of columns."""
        read = _limits(fields)
        limits = {
            name: limit for name, limit in read.items() if limit is not None or _is_null(body, _SHOWN.get(name, name))
        }
        check_owner(principal, row, limits.keys())
        check_limits(principal, replace(row.limits, **limits), self.access.quota, limits.keys())
        values: dict[str, Any] = dict(limits)
        seconds = fields.integer("expires_in_s", 60, MAX_TIME_S)
        if seconds is not None or _is_null(body, "expires_in_s"):
            values["expires_ms"] = None if seconds is None else now_ms() + seconds * 1000
            check_expiry(principal, values["expires_ms"])
        on, disabled, name = fields.flag("platform_tools"), fields.flag("disabled"), _name(fields)
        if on is not None:
            check_platform_tools(principal, on)
        values |= {
            column: value
            for column, value in (("platform_tools", on), ("disabled", disabled), ("name", name))
            if value is not None
        }
        if not values:
            known = ", ".join(("name", "disabled", "expires_in_s", "platform_tools", *RATES, *_SHOWN.values()))
            raise invalid(None, f"Nothing to change: give some of {known}.")
        return values


_PERIODS: tuple[Period, ...] = ("day", "month")
_SHOWN = {name: f"{name}_usd" for name in CAPS}  # a cap's column -> its field


def _limits(fields: Fields) -> dict[str, int | None]:
    rates = {name: fields.integer(name, 1, MAX_LIMIT) for name in RATES}
    return rates | {name: fields.integer(shown, 1, MAX_CAP) for name, shown in _SHOWN.items()}


def _name(fields: Fields) -> str | None:
    name = fields.text("name", low=1, high=128, printable=True)
    if name is not None and not name.strip():
        raise invalid("name", "Invalid 'name': say what the key is for.")
    return name


def _is_null(body: dict[str, Any], name: str) -> bool:
    """Whether a field is there, and has no value."""
    return any(body.get(written, "") is None for written in (name, camel(name)))


def _counted(principal: Principal) -> tuple[Counter, ...]:
    """What the keys that this one makes are counted under: those of an admin's key are the operator's own."""
    return () if "admin" in principal.scopes else principal.counters


def _remaining(principal: Principal, spent: dict[str, Spent]) -> int | None:
    """What the key may still spend until a cap of its own, or of a key that it was made with; None: without any."""
    left = [
        cap - getattr(spent.get(counter.name, Spent()), period)
        for counter in principal.paying
        for column, period in CAPS.items()
        if (cap := getattr(counter.limits, column)) is not None
    ]
    return max(0, min(left)) if left else None


def key_json(row: KeyRow, spent: Spent | None) -> dict[str, Any]:
    """`spent`: with the key, those that it replaces and those that were made with it; None: nothing."""
    return {
        "object": "account.key",
        "id": row.id,
        "name": row.name,
        "hint": row.hint,
        "scopes": [*row.scopes],
        **{name: getattr(row.limits, name) for name in RATES},
        **{shown: getattr(row.limits, name) for name, shown in _SHOWN.items()},
        **{f"spent_{period}_nano_usd": getattr(spent or Spent(), period) for period in _PERIODS},
        "platform_tools": row.platform_tools,
        "disabled": row.disabled,
        "created": row.created_ms // 1000,
        "last_used": _seconds(row.used_ms),
        "expires": _seconds(row.expires_ms),
        "revoked": _seconds(row.revoked_ms),
    }


def _seconds(at_ms: int | None) -> int | None:
    return None if at_ms is None else at_ms // 1000
