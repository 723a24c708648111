"""/v1/admin: what the operator does to accounts, keys and invites. Each act stands in the audit log."""

import hashlib
import re
from dataclasses import dataclass
from typing import Any, cast, get_args

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coordinator.accounts.rows import AccountRow, get_account, get_key
from coordinator.api.account_access import AccountAccess, by_operator, translated
from coordinator.api.body import read_body
from coordinator.api.operator import MOST_LISTED, listed, operator, seconds
from coordinator.api.query import whole_number
from coordinator.clock import now_ms
from coordinator.identity.identity import Identity
from coordinator.identity.rows import InviteRow, add_invite, list_invites, new_invite, revoke_invite
from coordinator.ledger.grants import grant, granted
from coordinator.ledger.orders import Reason
from coordinator.ledger.pricing import CURRENCIES, Currency, Units
from coordinator.openai.fields import Fields
from coordinator.openai.json_body import load
from coordinator.operating.changes import change_account, give
from coordinator.operating.cursor import decoded, encoded
from coordinator.operating.names import names_of
from coordinator.store.audit_log import Act
from coordinator.store.tables import DELETED
from program.printable import printable
from wire.errors import ErrorCode, SupernetError, invalid

NOTE_CHARS = 200
MOST_DAYS = 366
IDEMPOTENCY = re.compile(r"[\x21-\x7e]{1,255}")
REASONS: tuple[Reason, ...] = get_args(Reason)


@dataclass(frozen=True)
class OperatorChangesApi:
    """The endpoints below /v1/admin that change something, but for workers."""

    access: AccountAccess
    units: Units
    identity: Identity

    async def change(self, request: Request) -> Response:
        """Disable or enable an account, or set its weight: its keys know within a second."""
        principal = operator(self.access, request)
        account = await self._account(request)
        fields = Fields(load(await read_body(request)))
        given = {"disabled": fields.flag("disabled"), "weight": fields.number("weight", 0.01, 1000)}
        fields.finish()
        values = {name: value for name, value in given.items() if value is not None}
        if not values:
            raise invalid("disabled", "Missing 'disabled' or 'weight': say what is to change.")
        if values.get("disabled") and account.id == principal.account:
            raise invalid("disabled", "This is the account of the key that you use: it would shut you out.")
        by = by_operator(principal)
        work = self.access.accounts.done(by, change_account, account.id, values, principal.key, now_ms())
        changed = await translated(work)
        shown = {"object": "operator.account", "id": changed.id, "name": changed.name}
        return JSONResponse({**shown, "disabled": changed.disabled, "weight": changed.weight})

    async def grant(self, request: Request) -> Response:
        """Give, book a deposit, or pay out what was earned, once for each Idempotency-Key."""
        principal = operator(self.access, request)
        token = _token(request)
        account = await self._account(request)
        fields = Fields(load(await read_body(request)))
        currency = cast(Currency, fields.choice("currency", CURRENCIES) or "spark")
        reason = cast(Reason, fields.choice("reason", REASONS) or "grant")
        amount = fields.text("amount", low=1, high=40)
        note = printable(fields.text("note", high=NOTE_CHARS) or "").strip()
        fields.finish()
        if amount is None:
            raise invalid("amount", "Missing 'amount': say how much, as '12.5'.")
        nano, at_ms = self.units.read(amount, currency), now_ms()
        order = grant(account.id, currency, nano, at_ms, reason, note, token)
        rivals = tuple(granted(account.id, other, token) for other in REASONS if other != reason)
        act = Act(principal.key, "grant", account.id, f"{reason} {amount} {currency} {note}".strip())
        again = await self.access.do(by_operator(principal), give, order, rivals, act, at_ms)
        shown = {"object": "operator.grant", "id": order.id, "account": account.id, "reason": reason, "again": again}
        return JSONResponse({**shown, "currency": currency, **self.units.shown(nano, currency)}, 200 if again else 201)

    async def revoke_key(self, request: Request) -> Response:
        """End a key of any account: it works no more when this is answered."""
        principal = operator(self.access, request)
        row = await self.access.read(get_key, request.path_params["key_id"])
        if row.id == principal.key:
            raise invalid("key_id", "This is the key that you use: revoke it with another one.")
        act = Act(principal.key, "key revoke", row.account, f"{row.id} {printable(row.name)}")
        await translated(self.access.accounts.revoke(by_operator(principal, act), row.id))
        return JSONResponse({"object": "account.key.deleted", "id": row.id, "deleted": True})

    async def invites(self, request: Request) -> Response:
        """All invites, the newest first; `limit`, and `after` the page before."""
        operator(self.access, request, "limit", "after")
        limit = whole_number(request, "limit", 50, 1, MOST_LISTED)
        after = decoded(request.query_params.get("after"), int)
        rows = await self.access.oversee(list_invites, None, after, limit + 1)
        wanted = [name for row in rows for name in (row.made_by, row.account, row.used_by) if name]
        names = await self.access.oversee(names_of, wanted)
        last = rows[limit - 1] if len(rows) > limit else None
        following = None if last is None else encoded(last.made_ms, last.id)
        return listed([_invite(row, names) for row in rows[:limit]], following)

    async def make_invite(self, request: Request) -> Response:
        """An invite, whose link is shown here alone: for a new account, or into `account`, whose passkeys are lost."""
        principal = operator(self.access, request)
        fields = Fields(load(await read_body(request)))
        note = fields.text("note", high=128, printable=True) or ""
        days = fields.integer("days", 1, MOST_DAYS) or 14
        name = fields.text("account", low=1, high=128)
        fields.finish()
        account = None if name is None else await self.access.read(get_account, name)
        if account is not None and account.name == DELETED + account.id:
            raise invalid("account", "This account was deleted by its people, for good.")
        into = None if account is None else account.id
        code, row = new_invite(self.identity.tokens, now_ms(), days, note, account=into)
        act = Act(
            principal.key, "invite create", row.id, f"{days} days {note}{f' into {into}' if into else ''}".strip()
        )
        await self.access.do(by_operator(principal, act), add_invite, row)
        link = f"{self.identity.origin}/account#invite={code}"
        return JSONResponse({**_invite(row, {}), "code": code, "link": link}, 201)

    async def revoke_invite(self, request: Request) -> Response:
        """End an invite that is not used."""
        principal = operator(self.access, request)
        name = request.path_params["invite_id"]
        by = by_operator(principal, Act(principal.key, "invite revoke", name[:64]))
        await self.access.do(by, revoke_invite, name, now_ms())
        return JSONResponse({"object": "account.invite.deleted", "id": name, "deleted": True})

    async def _account(self, request: Request) -> AccountRow:
        return await self.access.read(get_account, request.path_params["account"])


def _token(request: Request) -> str:
    """What names the grant in the books. Raises invalid_request without an Idempotency-Key: a request that is sent
    again, or a button that is pressed twice, must not book twice."""
    key = request.headers.get("idempotency-key", "")
    if not IDEMPOTENCY.fullmatch(key):
        message = "Send an Idempotency-Key of 1 to 255 printable characters: the same one books once."
        raise SupernetError(ErrorCode.INVALID_REQUEST, message, param="Idempotency-Key")
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _invite(row: InviteRow, names: dict[str, str]) -> dict[str, Any]:
    named = {name: names.get(getattr(row, name) or "") for name in ("made_by", "account", "used_by")}
    return {
        "object": "operator.invite",
        "id": row.id,
        "note": row.note,
        "state": row.state(now_ms()),
        "created": row.made_ms // 1000,
        "expires": row.expires_ms // 1000,
        "used": seconds(row.used_ms),
        **named,
    }
