"""/v1/account: what an account has, has used and may do, for the holder of a key of it; and /v1/estimate.

A key with the scope `admin` may look at and change another account: `?account=` with its name or id.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from coordinator.accounts.accounts import Accounts, Principal, Wish, create_key, regenerate_key
from coordinator.accounts.rows import AccountRow, KeyLimits, KeyRow, get_account, get_key, list_keys, revoke_key
from coordinator.accounts.scopes import DEFAULT_SCOPES
from coordinator.admission.admission import quota_of
from coordinator.admission.rate_limits import Quota, Rates
from coordinator.api.answering import read_body
from coordinator.billing.billing import Billing, behind
from coordinator.ledger.grants import balances_of, bonus, bonus_claimed, next_bonus_ms, spend_earned
from coordinator.ledger.orders import Done, Transfer
from coordinator.ledger.pricing import CURRENCIES, Currency, decimal
from coordinator.ledger.usage import DAY_MS, sums
from coordinator.ledger.writer import LedgerWriter
from coordinator.openai.fields import Fields
from coordinator.openai.json_body import load
from coordinator.store.database import Database
from coordinator.store.errors import LedgerError, NotThere, Unavailable
from wire.errors import ErrorCode, SupernetError, invalid

log = logging.getLogger("supernet.accounts")

MAX_DAYS = 366
MAX_KEYS = 100  # in use, of one account
MAX_LIMIT = 10**9
LOOKUPS = 120  # calls a minute of one account: each asks the thread that books everybody's money
BOOK_S = 10.0  # a commit takes milliseconds

T = TypeVar("T")


@dataclass(frozen=True)
class AccountApi:
    accounts: Accounts
    database: Database
    thread: Executor
    ledger: LedgerWriter
    billing: Billing
    pepper: bytes
    bonus_nano: int
    quota: Quota
    rates: Rates = field(default_factory=Rates)  # of these calls, by account

    # ---- what there is -------------------------------------------------------------------------------------------

    async def show(self, request: Request) -> Response:
        _, account = await self._of(request)
        now_ms = _now_ms()
        balances = await self._do(lambda: balances_of(self.database, account.id))
        claimed = await self._do(lambda: bonus_claimed(self.database, account.id, now_ms))
        units = self.billing.units
        shown = {
            currency: {kind: units.shown(nano, currency) for kind, nano in asdict(balances[currency]).items()}
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
                "bonus": self._bonus(claimed, now_ms),
            }
        )

    async def usage(self, request: Request) -> Response:
        _, account = await self._of(request)
        days = _whole(request, "days", 30, 1, MAX_DAYS)
        since_ms = (_now_ms() // DAY_MS - days + 1) * DAY_MS
        rows = await self._do(lambda: sums(self.database, account.id, since_ms))
        names = {key.id: key.name for key in await self._do(lambda: list_keys(self.database, account.id))}
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
                "cost_nano_usd": row.cost_nano,
                "cost_usd": decimal(row.cost_nano),
            }
            for row in rows
        ]
        return JSONResponse({"object": "list", "data": data})

    # ---- money ---------------------------------------------------------------------------------------------------

    async def claim(self, request: Request) -> Response:
        """The daily bonus, once a day (UTC)."""
        _, account = await self._of(request)
        now_ms = _now_ms()
        done = await self._book(bonus(account.id, self.bonus_nano, now_ms))
        if done.again or not self.bonus_nano:
            wait_s = (next_bonus_ms(now_ms) - now_ms) / 1000
            message = "Today's bonus has been claimed: the next one is there after midnight UTC."
            raise SupernetError(ErrorCode.RATE_LIMIT_EXCEEDED, message, retry_after_s=wait_s)
        return JSONResponse({"object": "account.bonus", **self.billing.units.shown(self.bonus_nano, "spark")})

    async def spend(self, request: Request) -> Response:
        """All that was earned with workers and has matured becomes spendable."""
        _, account = await self._of(request)
        balances = await self._do(lambda: balances_of(self.database, account.id))
        moved: dict[Currency, int] = {currency: balances[currency].earned for currency in CURRENCIES}
        for currency, nano in moved.items():
            if nano:
                await self._book(spend_earned(account.id, currency, nano, _now_ms()))
        shown = {currency: self.billing.units.shown(nano, currency) for currency, nano in moved.items()}
        return JSONResponse({"object": "account.earnings", "moved": shown})

    async def _book(self, order: Transfer) -> Done:
        if self.ledger.full:
            raise behind()
        try:
            async with asyncio.timeout(BOOK_S):
                answer = await self.ledger.ask(order)
        except TimeoutError:
            raise behind() from None
        except LedgerError as error:
            raise _refused(error) from None
        if not isinstance(answer, Done):
            raise SupernetError(ErrorCode.INSUFFICIENT_QUOTA, "There is less than that by now.")
        return answer

    def _bonus(self, claimed: bool, now_ms: int) -> dict[str, Any]:
        claimable = bool(self.bonus_nano) and not claimed
        next_at = (now_ms if claimable else next_bonus_ms(now_ms)) // 1000
        return {**self.billing.units.shown(self.bonus_nano, "spark"), "claimable": claimable, "next_at": next_at}

    # ---- keys ----------------------------------------------------------------------------------------------------

    async def keys(self, request: Request) -> Response:
        _, account = await self._of(request)
        rows = await self._do(lambda: list_keys(self.database, account.id))
        return JSONResponse({"object": "list", "data": [_key(row) for row in rows]})

    async def create(self, request: Request) -> Response:
        """Shown once. A key makes no key that may do more than itself."""
        principal, account = await self._of(request)
        fields = Fields(load(await read_body(request)))
        wish = self._wish(fields, account.id, principal)
        fields.finish()
        used = await self._do(lambda: list_keys(self.database, account.id))
        if sum(row.revoked_ms is None for row in used) >= MAX_KEYS:
            raise SupernetError(
                ErrorCode.INVALID_REQUEST, f"An account has at most {MAX_KEYS} keys in use: revoke one."
            )
        key, row = await self._change(lambda: create_key(self.database, self.pepper, wish, _now_ms()))
        return JSONResponse({**_key(row), "key": key}, 201)

    async def regenerate(self, request: Request) -> Response:
        """A new key like the old one, which is dead when this is answered."""
        row = await self._own(request, renew=True)
        key, new = await self._change(lambda: regenerate_key(self.database, self.pepper, row.id, _now_ms()))
        return JSONResponse({**_key(new), "key": key}, 201)

    async def revoke(self, request: Request) -> Response:
        row = await self._own(request)
        await self._change(lambda: revoke_key(self.database, row.id, _now_ms()))
        return JSONResponse({"object": "account.key.deleted", "id": row.id, "deleted": True})

    async def _own(self, request: Request, *, renew: bool = False) -> KeyRow:
        """The key of the path. One that may do more than the caller's is not the caller's to change."""
        principal, account = await self._of(request)
        row = await self._do(lambda: get_key(self.database, request.path_params["key_id"]))
        if row.account != account.id:
            raise SupernetError(ErrorCode.NOT_FOUND, "This account has no such key.")
        _within(principal, row.scopes)
        if renew:
            self._no_more(principal, row.limits, row.expires_ms)
        return row

    def _wish(self, fields: Fields, account: str, principal: Principal) -> Wish:
        """What is not said is as with the key that asks."""
        scopes = fields.take("scopes")
        if scopes is None:
            scopes = [scope for scope in principal.scopes if scope != "admin"] or list(DEFAULT_SCOPES)
        if not isinstance(scopes, list) or not scopes or not all(isinstance(scope, str) for scope in scopes):
            raise invalid("scopes", "Invalid 'scopes': expected a list of names, such as ['client', 'worker'].")
        _within(principal, tuple(scopes))
        seconds = fields.integer("expires_in_s", 60, 10 * 366 * 86_400)
        expires_ms = principal.expires_ms if seconds is None else _now_ms() + seconds * 1000
        asked = {name: fields.integer(name, 1, MAX_LIMIT) for name in ("rpm", "tpm", "concurrency")}
        limits = KeyLimits(**{name: getattr(principal, name) if n is None else n for name, n in asked.items()})
        self._no_more(principal, limits, expires_ms)
        name = fields.text("name", low=1, high=128)
        if name is None:
            raise invalid("name", "Missing 'name': say what the key is for.")
        return Wish(name, account, tuple(scopes), limits, expires_ms)

    def _no_more(self, principal: Principal, limits: KeyLimits, expires_ms: int | None) -> None:
        """Nobody gets around the limits of his key by making, or renewing, one without them."""
        if "admin" in principal.scopes:
            return
        mine, other = quota_of(principal, self.quota), quota_of(limits, self.quota)
        for name in ("rpm", "tpm", "concurrency"):
            most = getattr(mine, name)
            if most and not 0 < getattr(other, name) <= most:
                raise SupernetError(
                    ErrorCode.PERMISSION_DENIED, f"This API key's own {name} is {most}: ask for no more."
                )
        if principal.expires_ms is not None and (expires_ms is None or expires_ms > principal.expires_ms):
            raise SupernetError(ErrorCode.PERMISSION_DENIED, "This API key expires before that: ask for less time.")

    async def _change(self, work: Callable[[], T]) -> T:
        changed = await self._do(work)
        await self.accounts.refresh()
        return changed

    # ---- prices --------------------------------------------------------------------------------------------------

    async def estimate(self, request: Request) -> Response:
        """What so many tokens cost, to the nano-dollar."""
        self.accounts.authenticate(request.headers, "client")
        model = request.query_params.get("model", "")
        tariff = self.billing.tariff(model)
        prompt = _whole(request, "input_tokens", 0, 0, MAX_LIMIT)
        completion = _whole(request, "max_output_tokens", 0, 0, MAX_LIMIT)
        kind = request.query_params.get("token_type", "auto")
        if kind not in ("auto", *CURRENCIES):
            raise invalid("token_type", "Invalid 'token_type': supported values are 'auto', 'spark', 'sogni'.")
        nano = prompt * tariff.prompt + completion * tariff.completion
        asked = {"model": model, "input_tokens": prompt, "max_output_tokens": completion, "token_type": kind}
        price = {"version": tariff.version, "prompt_nano_usd": tariff.prompt, "completion_nano_usd": tariff.completion}
        cost: dict[str, Any] = {"nano_usd": nano, "usd": decimal(nano)}
        cost |= {currency: decimal(nano, self.billing.units.of(currency)) for currency in CURRENCIES}
        return JSONResponse({"object": "estimate", "request": asked, "price": price, "cost": cost})

    # ---- who asks ------------------------------------------------------------------------------------------------

    async def _of(self, request: Request) -> tuple[Principal, AccountRow]:
        """Whose key it is, and the account that it is about."""
        name = request.query_params.get("account")
        principal = self.accounts.authenticate(request.headers, *(("client", "admin") if name is None else ("admin",)))
        if self.quota.rpm and "admin" not in principal.scopes:
            self.rates.request(principal.account, Quota(LOOKUPS, 0, 0), time.monotonic())
        return principal, await self._do(lambda: get_account(self.database, name or principal.account))

    async def _do(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self.thread, work)
        except LedgerError as error:
            raise _refused(error) from None


def _refused(error: LedgerError) -> SupernetError:
    if isinstance(error, Unavailable):  # what it says is for the operator, and in the log
        log.error("the account API: %s", error)
        return behind()
    missing = isinstance(error, NotThere)
    return SupernetError(ErrorCode.NOT_FOUND if missing else ErrorCode.INVALID_REQUEST, str(error))


def _within(principal: Principal, scopes: tuple[str, ...]) -> None:
    beyond = sorted(set(scopes) - set(principal.scopes))
    if beyond and "admin" not in principal.scopes:
        message = f"This API key lacks the scope {', '.join(beyond)}: it can neither give nor take it."
        raise SupernetError(ErrorCode.PERMISSION_DENIED, message)


def _key(row: KeyRow) -> dict[str, Any]:
    return {
        "object": "account.key",
        "id": row.id,
        "name": row.name,
        "hint": row.hint,
        "scopes": list(row.scopes),
        **asdict(row.limits),
        "created": row.created_ms // 1000,
        "expires": None if row.expires_ms is None else row.expires_ms // 1000,
        "revoked": None if row.revoked_ms is None else row.revoked_ms // 1000,
    }


def _whole(request: Request, name: str, default: int, low: int, high: int) -> int:
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 12 and low <= int(text) <= high):
        raise invalid(name, f"Invalid '{name}': expected an integer between {low} and {high}.")
    return int(text)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
