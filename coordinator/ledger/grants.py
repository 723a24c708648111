"""Money that moves without a job: starter tokens, the daily bonus, grants, deposits, payouts, and earnings that their
owner spends."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select

from coordinator.ledger.orders import PLATFORM, Purse, Reason, Transfer
from coordinator.ledger.pricing import Currency
from coordinator.store.database import Database
from coordinator.store.tables import balances, journals

DAY_MS = 86_400_000


@dataclass(frozen=True)
class Balance:
    available: int = 0
    held: int = 0
    escrow: int = 0
    earned: int = 0


def balances_of(database: Database, account: str) -> Mapping[Currency, Balance]:
    found: dict[Currency, dict[str, int]] = {"spark": {}, "sogni": {}}
    for row in database.query(select(balances).where(balances.c.owner == account)):
        found[row.currency][row.kind] = row.nano
    return {currency: Balance(**kinds) for currency, kinds in found.items()}


def totals(database: Database) -> Mapping[str, Balance]:
    """Of every account that has or had money, all currencies together."""
    found: dict[str, dict[str, int]] = {}
    summed = select(balances.c.owner, balances.c.kind, func.sum(balances.c.nano)).where(balances.c.owner != PLATFORM)
    for owner, kind, nano in database.query(summed.group_by(balances.c.owner, balances.c.kind)):
        found.setdefault(owner, {})[kind] = int(nano)
    return {owner: Balance(**kinds) for owner, kinds in found.items()}


def starter(account: str, nano: int, at_ms: int) -> Transfer:
    """Once for each account."""
    return _given(f"starter:{account}", account, "spark", nano, at_ms, "starter tokens")


def bonus(account: str, nano: int, at_ms: int) -> Transfer:
    """Once for each account and day (UTC)."""
    return _given(f"bonus:{account}:{at_ms // DAY_MS}", account, "spark", nano, at_ms, "daily bonus")


def bonus_claimed(database: Database, account: str, at_ms: int) -> bool:
    """Of that day."""
    name = bonus(account, 0, at_ms).id
    return bool(database.query(select(journals.c.id).where(journals.c.id == name)))


def next_bonus_ms(at_ms: int) -> int:
    return (at_ms // DAY_MS + 1) * DAY_MS


def grant(account: str, currency: Currency, nano: int, at_ms: int, reason: Reason, note: str) -> Transfer:
    """`grant`: a present; `deposit`: paid in; `payout`: earnings are paid out. Each call is one of its own."""
    name = f"{reason}:{account}:{secrets.token_hex(8)}"
    match reason:
        case "grant":
            return _given(name, account, currency, nano, at_ms, note)
        case "deposit":
            source, target = Purse(PLATFORM, currency, "deposits"), Purse(account, currency, "available")
        case "payout":
            source, target = Purse(account, currency, "earned"), Purse(PLATFORM, currency, "deposits")
    return Transfer(name, source, target, nano, at_ms, note)


def spend_earned(account: str, currency: Currency, nano: int, at_ms: int) -> Transfer:
    """What was earned with a worker becomes the client's to spend."""
    name = f"spend:{account}:{secrets.token_hex(8)}"
    source, target = Purse(account, currency, "earned"), Purse(account, currency, "available")
    return Transfer(name, source, target, nano, at_ms, "earnings to spend")


def _given(name: str, account: str, currency: Currency, nano: int, at_ms: int, note: str) -> Transfer:
    source, target = Purse(PLATFORM, currency, "promotions"), Purse(account, currency, "available")
    return Transfer(name, source, target, nano, at_ms, note)
