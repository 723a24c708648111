"""/v1/account: what an account has and has used, its daily bonus, and the earnings of its workers.

For a key of the account; one with the scope `admin` may name another account: `?account=` with its name or id.
"""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coordinator.accounts.rows import list_keys
from coordinator.api.account_access import AccountAccess
from coordinator.api.query import whole_number
from coordinator.api.spreadsheet import MEDIA_TYPE, cells, headers, lines
from coordinator.clock import DAY_MS, day_start_ms, now_ms
from coordinator.dashboard.view import worker_id
from coordinator.ledger.budget import Budget
from coordinator.ledger.earning_days import EARNING_DAYS
from coordinator.ledger.escrow import workers
from coordinator.ledger.grants import balances_of, bonus, bonus_claimed, next_day_ms, spend_credit, spend_earned
from coordinator.ledger.pricing import CURRENCIES, Currency, Units, decimal
from coordinator.ledger.usage import sums
from coordinator.ledger.usage_days import USAGE_DAYS
from wire.errors import ErrorCode, SupernetError, invalid

MAX_DAYS = 366
USAGE_COLUMNS = (
    *("day", "model", "key", "key_name", "requests", "prompt_tokens", "cached_tokens", "completion_tokens"),
    *("reasoning_tokens", "units", "cost_nano_usd", "cost_usd"),
)


@dataclass(frozen=True)
class AccountApi:
    """The endpoints below /v1/account that do not change a key: who it is, balance, usage, daily bonus, earnings.

    `bonus_nano`: the daily bonus in nano-dollars, 0 for none. `promotions`: what may be paid out of credit a day.
    """

    access: AccountAccess
    units: Units
    bonus_nano: int
    promotions: Budget

    async def show(self, request: Request) -> Response:
        """Answer with the balances of the account, and its daily bonus."""
        _, account = await self.access.authenticate(request)
        at_ms = now_ms()
        balances = await self.access.read(balances_of, account.id)
        claimed = await self.access.read(bonus_claimed, account.id, at_ms)
        shown = {
            currency: {kind: self.units.shown(nano, currency) for kind, nano in asdict(balances[currency]).items()}
            for currency in CURRENCIES
        }
        return JSONResponse(
            {
                "object": "account",
                "id": account.id,
                "name": account.name,
                "created": account.created_ms // 1000,
                "weight": account.weight,
                "balances": shown,
                "bonus": self._bonus(claimed, at_ms),
                "promotions": {
                    "day": self.units.shown(self.promotions.nano, "spark"),
                    "account": self.units.shown(self.promotions.account_nano, "spark"),
                    "next_at": next_day_ms(at_ms) // 1000,
                },
            }
        )

    async def me(self, request: Request) -> Response:
        """Who the account is, as Sogni's SDK asks before anything else: in the envelope of Sogni's API, without an
        e-mail address or a wallet, of which this network knows none. The SDK ends its process on any other answer."""
        _, account = await self.access.authenticate(request, *request.query_params)  # theirs may say more
        data = {"username": account.name, "currentEmail": None, "walletAddress": None}
        return JSONResponse({"status": "success", "data": data})

    async def usage(self, request: Request) -> Response:
        """Sums by day (UTC), model and key; `model` and `key` are all or one. With `format=csv` as a file."""
        _, account = await self.access.authenticate(request, "days", "model", "key", "format")
        query = request.query_params
        if query.get("format", "json") not in ("json", "csv"):
            raise invalid("format", "Invalid 'format': expected 'json' or 'csv'.")
        days = whole_number(request, "days", 30, 1, MAX_DAYS)
        since_ms = day_start_ms(now_ms(), days - 1)
        rows = await self.access.look(account.id, sums, account.id, since_ms)
        keys = await self.access.read(list_keys, account.id)
        names = {key.id: key.name for key in keys}
        data = [
            {
                "day": datetime.fromtimestamp(row.day * DAY_MS / 1000, UTC).strftime("%Y-%m-%d"),
                "model": row.model,
                "key": row.key,
                "key_name": names.get(row.key, ""),
                "requests": row.requests,
                "prompt_tokens": row.prompt,
                "cached_tokens": row.cached,
                "completion_tokens": row.completion,
                "reasoning_tokens": row.reasoning,
                "units": row.units,
                "cost_nano_usd": row.cost_nano,
                "cost_usd": decimal(row.cost_nano),
            }
            for row in rows
            if query.get("model", row.model) == row.model and query.get("key", row.key) == row.key
        ]
        if query.get("format") == "csv":
            table = lines([USAGE_COLUMNS, *(cells(row, USAGE_COLUMNS) for row in data)])
            return Response(table, media_type=MEDIA_TYPE, headers=headers("usage"))
        until = await self.access.look(account.id, USAGE_DAYS.counted_until)
        return JSONResponse({"object": "list", "data": data, "counted_until": until})

    async def workers(self, request: Request) -> Response:
        """What each worker of the account has done and earned since it was first seen, those that are gone too."""
        _, account = await self.access.authenticate(request)
        rows = await self.access.look(account.id, workers, account.id)
        data = [
            {
                "object": "account.worker",
                "worker": row.worker.removeprefix(f"{account.id}/"),
                "worker_id": worker_id(row.worker),
                "jobs": row.jobs,
                "earned_nano_usd": row.earned_nano,
                "escrow_nano_usd": row.escrow_nano,
                "last": row.last_ms // 1000,
            }
            for row in rows
        ]
        until = await self.access.look(account.id, EARNING_DAYS.counted_until)
        return JSONResponse({"object": "list", "data": data, "counted_until": until})

    async def claim(self, request: Request) -> Response:
        """Book the daily bonus, once a day (UTC). Raises rate_limit_exceeded when it was claimed before."""
        principal, account = await self.access.authenticate(request)
        at_ms = now_ms()
        by = self.access.by(principal, account, "bonus claim")
        done = await self.access.book(bonus(account.id, self.bonus_nano, at_ms), by)
        if done.again or not self.bonus_nano:
            wait_s = (next_day_ms(at_ms) - at_ms) / 1000
            message = "Today's bonus has been claimed: the next one is there after midnight UTC."
            raise SupernetError(ErrorCode.RATE_LIMIT_EXCEEDED, message, retry_after_s=wait_s)
        return JSONResponse({"object": "account.bonus", **self.units.shown(self.bonus_nano, "spark")})

    async def spend(self, request: Request) -> Response:
        """Move all that the account's workers have earned and that has matured to its spendable balance, or with
        `?kind=credit` only what cannot be paid out."""
        principal, account = await self.access.authenticate(request, "kind")
        kind = request.query_params.get("kind")
        if kind not in (None, "credit", "earned"):
            raise invalid("kind", "Invalid 'kind': expected 'credit' or 'earned'.")
        balances = await self.access.read(balances_of, account.id)
        moved: dict[Currency, int] = dict.fromkeys(CURRENCIES, 0)
        for currency, balance in balances.items():
            for name, nano, order in (
                ("credit", balance.credit, spend_credit),
                ("earned", balance.earned, spend_earned),
            ):
                if nano and kind in (None, name):
                    by = self.access.by(principal, account, "earnings spend", f"{name}: {nano} nano, {currency}")
                    await self.access.book(order(account.id, currency, nano, now_ms()), by)
                    moved[currency] += nano
        shown = {currency: self.units.shown(nano, currency) for currency, nano in moved.items()}
        return JSONResponse({"object": "account.earnings", "moved": shown})

    def _bonus(self, claimed: bool, at_ms: int) -> dict[str, Any]:
        claimable = bool(self.bonus_nano) and not claimed
        next_at = (at_ms if claimable else next_day_ms(at_ms)) // 1000
        return {**self.units.shown(self.bonus_nano, "spark"), "claimable": claimable, "next_at": next_at}
