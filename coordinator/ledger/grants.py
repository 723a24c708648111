"""Money that moves without a job: starter tokens, the daily bonus, grants, deposits, payouts, and earnings that their
owner spends."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select

from coordinator.clock import DAY_MS, day_start_ms
from coordinator.ledger.orders import PLATFORM, Reason, SubAccount, Transfer
from coordinator.ledger.pricing import Currency
from coordinator.store.database import Database
from coordinator.store.tables import balances, journals


@dataclass(frozen=True)
class Balance:
    """What an account has, in nano-dollars, by kind (orders.Kind). `available`: all that it may spend; `given`: what of
    that was given to it, or bought with what was."""

    available: int = 0
    given: int = 0
    held: int = 0
    escrow: int = 0
    credit: int = 0
    earned: int = 0


def balances_of(database: Database, account: str) -> Mapping[Currency, Balance]:
    """An account's balance in each currency."""
    found: dict[Currency, dict[str, int]] = {"spark": {}, "sogni": {}}
    for row in database.query(select(balances).where(balances.c.owner == account)):
        found[row.currency][row.kind] = row.nano
    return {currency: _balance(kinds) for currency, kinds in found.items()}


def totals(database: Database) -> Mapping[str, Balance]:
    """The balance of every account that has or had money, all currencies together."""
    found: dict[str, dict[str, int]] = {}
    summed = select(balances.c.owner, balances.c.kind, func.sum(balances.c.nano)).where(
        balances.c.owner.not_like(f"{PLATFORM}%")
    )
    for owner, kind, nano in database.query(summed.group_by(balances.c.owner, balances.c.kind)):
        found.setdefault(owner, {})[kind] = int(nano)
    return {owner: _balance(kinds) for owner, kinds in found.items()}


def _balance(kinds: dict[str, int]) -> Balance:
    given = kinds.pop("available", 0)
    return Balance(given + kinds.pop("funded", 0), given, **kinds)


def starter(account: str, nano: int, at_ms: int) -> Transfer:
    """The order that gives an account its starter tokens. It is carried out once for each account."""
    return _given(f"starter:{account}", account, "spark", nano, at_ms, "starter tokens")


def bonus(account: str, nano: int, at_ms: int) -> Transfer:
    """The order that gives the daily bonus. It is carried out once for each account and day (UTC)."""
    return _given(f"bonus:{account}:{at_ms // DAY_MS}", account, "spark", nano, at_ms, "daily bonus")


def bonus_claimed(database: Database, account: str, at_ms: int) -> bool:
    """Whether the account has claimed the bonus of the day (UTC) of `at_ms`."""
    name = bonus(account, 0, at_ms).id
    return bool(database.query(select(journals.c.id).where(journals.c.id == name)))


def next_day_ms(at_ms: int) -> int:
    """The next midnight, UTC."""
    return day_start_ms(at_ms) + DAY_MS


def grant(
    account: str, currency: Currency, nano: int, at_ms: int, reason: Reason, note: str, token: str | None = None
) -> Transfer:
    """An operator's order: a present (`grant`), money paid in (`deposit`), earnings paid out (`payout`). Each call is
    an order of its own, or each `token`."""
    name = granted(account, reason, token or secrets.token_hex(8))
    match reason:
        case "grant":
            return _given(name, account, currency, nano, at_ms, note)
        case "deposit":
            source, target = SubAccount(PLATFORM, currency, "deposits"), SubAccount(account, currency, "funded")
        case "payout":
            source, target = SubAccount(account, currency, "earned"), SubAccount(PLATFORM, currency, "deposits")
    return Transfer(name, source, target, nano, at_ms, note)


def granted(account: str, reason: Reason, token: str) -> str:
    """The name of such an order."""
    return f"{reason}:{account}:{token}"


def hooked_deposit(message: str, account: str, currency: Currency, nano: int, at_ms: int, note: str) -> Transfer:
    """The order that books what a payment service says was paid in: once for each `message`, its id there."""
    source, target = SubAccount(PLATFORM, currency, "deposits"), SubAccount(account, currency, "funded")
    return Transfer(f"deposit:hook:{message}", source, target, nano, at_ms, note)


def spend_earned(account: str, currency: Currency, nano: int, at_ms: int) -> Transfer:
    """The order that makes matured earnings spendable."""
    name = f"spend:{account}:{secrets.token_hex(8)}"
    source, target = SubAccount(account, currency, "earned"), SubAccount(account, currency, "funded")
    return Transfer(name, source, target, nano, at_ms, "earnings to spend")


def spend_credit(account: str, currency: Currency, nano: int, at_ms: int) -> Transfer:
    """The order that makes credit spendable: as what it was earned with, given tokens."""
    name = f"spend:{account}:{secrets.token_hex(8)}"
    source, target = SubAccount(account, currency, "credit"), SubAccount(account, currency, "available")
    return Transfer(name, source, target, nano, at_ms, "credit to spend")


def _given(name: str, account: str, currency: Currency, nano: int, at_ms: int, note: str) -> Transfer:
    source, target = SubAccount(PLATFORM, currency, "promotions"), SubAccount(account, currency, "available")
    return Transfer(name, source, target, nano, at_ms, note)
