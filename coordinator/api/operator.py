"""/v1/admin: what the operator looks at: accounts, money owed, open holds, the audit log, whether the books add up.

For keys with the scope `admin`. Sums over everything are read beside the store (store/reading.py).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coordinator.accounts.keys_in_use import Principal
from coordinator.accounts.rows import AccountRow, get_account, list_keys
from coordinator.api.account_access import AccountAccess, by_operator
from coordinator.api.keys import key_json
from coordinator.api.query import only, whole_number
from coordinator.clock import now_ms
from coordinator.ledger.grants import balances_of
from coordinator.ledger.pricing import CURRENCIES, Currency, Units
from coordinator.ledger.spend_rows import spent_of
from coordinator.operating import accounts, money
from coordinator.operating.accounts import OF_TEXT, SORTS, AccountLine
from coordinator.operating.cursor import decoded, encoded
from coordinator.operating.ledger_check import LedgerCheck
from coordinator.operating.names import names_of
from coordinator.store import audit_log
from coordinator.store.audit_log import Act, write_down
from wire.errors import invalid

MOST_LISTED = 200
SEARCH_CHARS = 128
KEYS_SHOWN = 200

T = TypeVar("T", bound=str)


@dataclass(frozen=True)
class OperatorApi:
    """The endpoints below /v1/admin that change nothing, but for workers."""

    access: AccountAccess
    units: Units
    check: LedgerCheck

    async def overview(self, request: Request) -> Response:
        """All money in a few sums, and how much waits: payouts and open holds."""
        operator(self.access, request)
        sums = await self.access.oversee(money.sums)
        waiting = await self.access.oversee(money.payouts_waiting)
        number, oldest_ms = await self.access.oversee(money.count_holds)
        return JSONResponse(
            {
                "object": "operator.overview",
                "accounts": {name: self._amounts(sums, name) for name in money.THEIRS},
                "platform": {name: self._amounts(sums, name) for name in money.OURS},
                "payouts": {state: self._waiting(found) for state, found in waiting.items()},
                "holds": {"open": number, "oldest": seconds(oldest_ms)},
            }
        )

    async def accounts(self, request: Request) -> Response:
        """Accounts in pages: `search`, `sort`, `order`, `disabled`, `limit`, and `after` the page before."""
        operator(self.access, request, "search", "sort", "order", "disabled", "limit", "after")
        sort = chosen(request, "sort", SORTS, "created")
        descending = chosen(request, "order", ("desc", "asc"), "desc") == "desc"
        disabled = chosen(request, "disabled", ("true", "false", "any"), "any")
        after = decoded(request.query_params.get("after"), str if sort in OF_TEXT else int)
        limit = whole_number(request, "limit", 50, 1, MOST_LISTED)
        sought = accounts.Sought(
            searched(request), None if disabled == "any" else disabled == "true", sort, descending, after
        )
        found = await self.access.oversee(accounts.page, sought, now_ms(), limit + 1)
        last = found[limit - 1] if len(found) > limit else None
        following = None if last is None else encoded(last.sorted_by, last.id)
        return listed([_line(line) for line in found[:limit]], following)

    async def account(self, request: Request) -> Response:
        """One account, with its balances and its keys. That somebody looked stands in the audit log."""
        principal = operator(self.access, request)
        account = await self._named(request)
        await self.access.looks(principal, account.id, "/v1/admin/accounts")
        line = await self.access.oversee(accounts.one, account.id, now_ms())
        balances = await self.access.oversee(balances_of, account.id)
        keys = [row for row in await self.access.oversee(list_keys, account.id) if row.session_ends_ms is None]
        spent = await self.access.read(spent_of, account.id, now_ms())
        keys.sort(key=lambda row: (row.revoked_ms is not None, -row.created_ms))
        shown = {
            currency: {kind: self.units.shown(nano, currency) for kind, nano in asdict(balances[currency]).items()}
            for currency in CURRENCIES
        }
        return JSONResponse(
            {
                **_line(line),
                "balances": shown,
                "key_list": [key_json(row, spent.get(row.counters)) for row in keys[:KEYS_SHOWN]],
                "key_total": len(keys),
            }
        )

    async def holds(self, request: Request) -> Response:
        """Open holds, the oldest first; of all accounts, or of `account`."""
        principal = operator(self.access, request, "account", "limit", "after")
        name = request.query_params.get("account")
        account = None if name is None else (await self.access.read(get_account, name)).id
        if account is not None:
            await self.access.looks(principal, account, "/v1/admin/holds")
        limit = whole_number(request, "limit", 50, 1, MOST_LISTED)
        after = decoded(request.query_params.get("after"), int)
        found = await self.access.oversee(money.open_holds, after, limit + 1, account)
        names = await self.access.oversee(names_of, [hold.account for hold in found])
        at_ms = now_ms()
        data = [
            {
                "object": "operator.hold",
                "job": hold.job,
                "account": hold.account,
                "account_name": names.get(hold.account, ""),
                "model": hold.model,
                "kind": hold.kind or "chat",
                "nano_usd": hold.nano,
                "since": hold.at_ms // 1000,
                "age_s": max(0, at_ms - hold.at_ms) // 1000,
                "deadline": hold.deadline_ms // 1000,
                "replica": hold.owner,
            }
            for hold in found[:limit]
        ]
        last = found[limit - 1] if len(found) > limit else None
        return listed(data, None if last is None else encoded(last.at_ms, last.job))

    async def audit(self, request: Request) -> Response:
        """What operators did, the newest first: `actor`, `action`, `target`, `since` (Unix seconds), `before` an id."""
        operator(self.access, request, "actor", "action", "target", "since", "limit", "before")
        asked = request.query_params
        limit = whole_number(request, "limit", 50, 1, MOST_LISTED)
        before = whole_number(request, "before", 1, 1, 10**10) if "before" in asked else None
        since = whole_number(request, "since", 0, 0, 10**10) * 1000 if "since" in asked else None
        sought = audit_log.Sought(asked.get("actor"), asked.get("action"), asked.get("target"), since)
        found = await self.access.oversee(audit_log.read, limit + 1, before, sought)
        names = await self.access.oversee(names_of, [name for deed in found for name in (deed.actor, deed.target)])
        data = [
            {
                "object": "operator.deed",
                "id": deed.id,
                "at": deed.at_ms // 1000,
                "actor": deed.actor,
                "actor_name": names.get(deed.actor, ""),
                "action": deed.action,
                "target": deed.target,
                "target_name": names.get(deed.target, ""),
                "detail": deed.detail,
            }
            for deed in found[:limit]
        ]
        return listed(data, found[limit - 1].id if len(found) > limit else None)

    async def ledger(self, request: Request) -> Response:
        """How the last check of the books went, and whether one runs."""
        operator(self.access, request)
        return JSONResponse(self.check.state())

    async def check_ledger(self, request: Request) -> Response:
        """Begin a check of the books, unless one runs."""
        principal = operator(self.access, request)
        act = Act(principal.key, "ledger check", "books")
        await self.access.do(by_operator(principal), write_down, act, now_ms())
        self.check.begin()
        return JSONResponse(self.check.state(), 202)

    async def _named(self, request: Request) -> AccountRow:
        return await self.access.read(get_account, request.path_params["account"])

    def _amounts(self, sums: Mapping[Currency, Mapping[str, int]], kind: str) -> dict[str, Any]:
        shown: dict[str, Any] = {"nano_usd": sum(sums[currency][kind] for currency in CURRENCIES)}
        return shown | {currency: self.units.shown(sums[currency][kind], currency) for currency in CURRENCIES}

    def _waiting(self, found: Mapping[str, tuple[int, int]]) -> dict[str, int]:
        return {
            "count": sum(number for number, _ in found.values()),
            "nano_usd": sum(nano for _, nano in found.values()),
        }


def operator(access: AccountAccess, request: Request, *query: str) -> Principal:
    """The caller, whose key has the scope `admin`. `query`: the names that the endpoint knows. Raises invalid_api_key,
    permission_denied, invalid_request for another name."""
    principal = access.accounts.authenticate(request.headers, "admin")
    only(request, *query)
    return principal


def listed(data: list[dict[str, Any]], following: str | int | None) -> Response:
    """A page of a list. `following`: what `after` (or `before`) is for the next one; None: this was the last."""
    return JSONResponse({"object": "list", "data": data, "next": following})


def chosen(request: Request, name: str, values: tuple[T, ...], default: T) -> T:
    """The query's `name`. Raises invalid_request unless it is one of the values."""
    text = request.query_params.get(name, default)
    for value in values:
        if text == value:
            return value
    raise invalid(name, f"Invalid '{name}': expected one of {', '.join(values)}.")


def searched(request: Request) -> str:
    """The query's `search`, without what no name holds. Raises invalid_request if it is too long."""
    text = request.query_params.get("search", "").strip()
    if len(text) > SEARCH_CHARS or not text.isprintable():
        raise invalid("search", f"Invalid 'search': expected at most {SEARCH_CHARS} printable characters.")
    return text


def seconds(at_ms: int | None) -> int | None:
    return None if at_ms is None else at_ms // 1000


def _line(line: AccountLine) -> dict[str, Any]:
    return {
        "object": "operator.account",
        "id": line.id,
        "name": line.name,
        "created": line.created_ms // 1000,
        "weight": line.weight,
        "disabled": line.disabled,
        "spendable_nano_usd": line.spendable,
        "held_nano_usd": line.held,
        "owed_nano_usd": line.owed,
        "credit_nano_usd": line.credit,
        "keys": line.keys,
        "passkeys": line.people,
        "seen": seconds(line.seen_ms),
    }
