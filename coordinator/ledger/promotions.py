"""The operator's promotion budget: once a day (UTC) it makes credit of owners earnings that may be paid out.

Work for given tokens (starter tokens, bonuses, presents) earns credit. To pay all of it out would make money of tokens
that cost nothing: an account could pay its own worker through a second one. So a day has a bound that the operator
chose and owners see beforehand. The oldest credit is first, and no account gets more than its part of a day.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, insert, select

from coordinator.clock import DAY_MS
from coordinator.ledger.budget import Budget
from coordinator.ledger.commit import apply
from coordinator.ledger.oldest_credit import Lot
from coordinator.ledger.orders import Done, Promote
from coordinator.ledger.pricing import Currency
from coordinator.store.advisory import Lock, free
from coordinator.store.database import Database
from coordinator.store.tables import promotion_days


def is_due(database: Database, budget: Budget, at_ms: int) -> bool:
    """Whether the day's budget is still to be shared out. Raises StoreError."""
    return bool(budget.nano) and not database.query(_of_day(at_ms))


def promote(database: Database, budget: Budget, lots: Sequence[Lot], at_ms: int) -> int:
    """Share the day's budget out among `lots`, the oldest credit, if that has not been done today. Returns the
    nano-dollars that became earnings. Raises StoreError."""
    if not budget.nano:
        return 0
    return database.transact(lambda connection: _promote(connection, budget, lots, at_ms))


def _of_day(at_ms: int) -> Select[Any]:
    return select(promotion_days.c.day).where(promotion_days.c.day == at_ms // DAY_MS)


def _promote(connection: Connection, budget: Budget, lots: Sequence[Lot], at_ms: int) -> int:
    day = at_ms // DAY_MS
    if not free(connection, Lock.PROMOTE):
        return 0
    if connection.execute(_of_day(at_ms)).all():
        return 0
    row = {"day": day, "nano": budget.nano, "account_nano": budget.account_nano}
    connection.execute(insert(promotion_days).values(row))
    shares = _shares(lots, budget)
    orders = [
        Promote(f"promote:{day}:{account}:{currency}", account, currency, nano, at_ms)
        for (account, currency), nano in shares.items()
    ]
    done = [answer == Done() for answer in apply(connection, orders)]  # an owner may have spent its credit just now
    return sum(order.nano for order, booked in zip(orders, done, strict=True) if booked)


def _shares(lots: Sequence[Lot], budget: Budget) -> dict[tuple[str, Currency], int]:
    """What each account gets in each currency: `lots` in their order, as far as the budget and its own part go."""
    left = budget.nano
    room: dict[str, int] = {}
    shares: dict[tuple[str, Currency], int] = {}
    for _, _, account, currency, nano in lots:
        nano = min(nano, left, room.get(account, budget.account_nano))
        room[account] = room.get(account, budget.account_nano) - nano
        left -= nano
        if nano:
            shares[account, currency] = shares.get((account, currency), 0) + nano
    return shares
