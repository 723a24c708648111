"""/v1/account/keys: the keys of an account, made, renewed and revoked by a key of it, within accounts/key_rules.py."""

from dataclasses import asdict, dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coordinator.accounts.accounts import KeyRequest
from coordinator.accounts.chains import Counter
from coordinator.accounts.key_rules import check_limits, check_platform_tools, check_scopes, outlived, scopes_to_inherit
from coordinator.accounts.keys_in_use import Principal
from coordinator.accounts.rows import KeyLimits, KeyRow, get_key, list_keys
from coordinator.api.account_access import AccountAccess, translated
from coordinator.api.body import read_body
from coordinator.clock import now_ms
from coordinator.openai.fields import Fields
from coordinator.openai.json_body import load
from wire.errors import ErrorCode, SupernetError, invalid

MAX_KEYS = 100  # in use, of one account
MAX_LIMIT = 10**9


@dataclass(frozen=True)
class KeysApi:
    """The endpoints below /v1/account/keys."""

    access: AccountAccess

    async def list(self, request: Request) -> Response:
        _, account = await self.access.authenticate(request)
        rows = await self.access.read(list_keys, account.id)
        return JSONResponse({"object": "list", "data": [_key(row) for row in rows if row.session_ends_ms is None]})

    async def create(self, request: Request) -> Response:
        """Make a key. The answer is the only place where the key itself is shown."""
        principal, account = await self.access.authenticate(request)
        fields = Fields(load(await read_body(request)))
        wanted = self._wanted(fields, account.id, principal)
        fields.finish()
        key, row = await translated(self.access.accounts.create(wanted))
        return JSONResponse({**_key(row), "key": key}, 201)

    async def regenerate(self, request: Request) -> Response:
        """Make a new key like the old one, which has ended when this is answered."""
        principal, row = await self._addressed(request)
        check_limits(principal, row.limits, row.expires_ms, self.access.quota)
        check_platform_tools(principal, row.platform_tools)
        key, new = await translated(self.access.accounts.regenerate(row.id, _counted(principal)))
        return JSONResponse({**_key(new), "key": key}, 201)

    async def revoke(self, request: Request) -> Response:
        _, row = await self._addressed(request)
        await translated(self.access.accounts.revoke(row.id))
        return JSONResponse({"object": "account.key.deleted", "id": row.id, "deleted": True})

    async def _addressed(self, request: Request) -> tuple[Principal, KeyRow]:
        """The caller, and the key that the path names. Raises not_found unless it is in use and of this account,
        permission_denied if it can do more than the caller's."""
        principal, account = await self.access.authenticate(request)
        row = await self.access.read(get_key, request.path_params["key_id"])
        if row.account != account.id:
            raise SupernetError(ErrorCode.NOT_FOUND, "This account has no such key.")
        check_scopes(principal, row.scopes)
        return principal, row

    def _wanted(self, fields: Fields, account: str, principal: Principal) -> KeyRequest:
        """The key that the body describes. What the body leaves out is as with the key that makes it."""
        scopes = fields.take("scopes")
        if scopes is None:
            scopes = scopes_to_inherit(principal)
        if not isinstance(scopes, list) or not scopes or not all(isinstance(scope, str) for scope in scopes):
            raise invalid("scopes", "Invalid 'scopes': expected a list of names, such as ['client', 'worker'].")
        check_scopes(principal, tuple(scopes))
        seconds = fields.integer("expires_in_s", 60, 10 * 366 * 86_400)
        expires_ms = now_ms() + seconds * 1000 if seconds is not None else outlived(principal)
        given = {name: fields.integer(name, 1, MAX_LIMIT) for name in ("rpm", "tpm", "concurrency")}
        limits = KeyLimits(**{name: getattr(principal.limits, name) if n is None else n for name, n in given.items()})
        check_limits(principal, limits, expires_ms, self.access.quota)
        on = fields.flag("platform_tools")
        on = principal.platform_tools if on is None else on
        check_platform_tools(principal, on)
        name = fields.text("name", low=1, high=128)
        if name is None:
            raise invalid("name", "Missing 'name': say what the key is for.")
        parent = next((counter.name for counter in _counted(principal)), None)
        return KeyRequest(name, account, tuple(scopes), limits, expires_ms, parent, MAX_KEYS, on)


def _counted(principal: Principal) -> tuple[Counter, ...]:
    """What the keys that this one makes are counted under: those of an admin's key are the operator's own."""
    return () if "admin" in principal.scopes else principal.counters


def _key(row: KeyRow) -> dict[str, Any]:
    return {
        "object": "account.key",
        "id": row.id,
        "name": row.name,
        "hint": row.hint,
        "scopes": [*row.scopes],
        **asdict(row.limits),
        "platform_tools": row.platform_tools,
        "created": row.created_ms // 1000,
        "expires": None if row.expires_ms is None else row.expires_ms // 1000,
        "revoked": None if row.revoked_ms is None else row.revoked_ms // 1000,
    }
