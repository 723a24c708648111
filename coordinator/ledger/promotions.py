"""The operator's promotion budget: once a day (UTC) it makes credit of owners earnings that may be paid out.

Work for given tokens (starter tokens, bonuses, presents) earns credit. To pay all of it out would make money of tokens
that cost nothing: an account could pay its own worker through a second one. So a day has a bound that the operator
chose and owners see beforehand. The oldest credit is first, and no account gets more than its part of a day.
"""

from sqlalchemy import Connection, and_, func, insert, select

from coordinator.clock import DAY_MS
from coordinator.ledger.budget import Budget
from coordinator.ledger.commit import apply
from coordinator.ledger.orders import Done, Promote
from coordinator.ledger.pricing import Currency
from coordinator.store.advisory import Lock, free
from coordinator.store.database import Database
from coordinator.store.tables import accounts, balances, earnings, promotion_days


def promote(database: Database, budget: Budget, at_ms: int) -> int:
    """Share the day's budget out, if that has not been done today. Returns the nano-dollars that became earnings.
    Raises StoreError."""
    if not budget.nano:
        return 0
    return database.transact(lambda connection: _promote(connection, budget, at_ms))


def _promote(connection: Connection, budget: Budget, at_ms: int) -> int:
    day = at_ms // DAY_MS
    if not free(connection, Lock.PROMOTE):
        return 0
    if connection.execute(select(promotion_days.c.day).where(promotion_days.c.day == day)).all():
        return 0
    row = {"day": day, "nano": budget.nano, "account_nano": budget.account_nano}
    connection.execute(insert(promotion_days).values(row))
    shares = _shares(_oldest_first(connection), budget)
    orders = [
        Promote(f"promote:{day}:{account}:{currency}", account, currency, nano, at_ms)
        for (account, currency), nano in shares.items()
    ]
    done = [answer == Done() for answer in apply(connection, orders)]  # an owner may have spent its credit just now
    return sum(order.nano for order, booked in zip(orders, done, strict=True) if booked)


Lot = tuple[str, Currency, int]


def _shares(lots: list[Lot], budget: Budget) -> dict[tuple[str, Currency], int]:
    """What each account gets in each currency: `lots` in their order, as far as the budget and its own part go."""
    left = budget.nano
    room: dict[str, int] = {}
    shares: dict[tuple[str, Currency], int] = {}
    for account, currency, nano in lots:
        nano = min(nano, left, room.get(account, budget.account_nano))
        room[account] = room.get(account, budget.account_nano) - nano
        left -= nano
        if nano:
            shares[account, currency] = shares.get((account, currency), 0) + nano
    return shares


def _oldest_first(connection: Connection) -> list[Lot]:
    """The credit that accounts have, by the earnings that it came from. What has been spent or paid out of an account's
    credit was its oldest, so what it has left are its newest earnings."""
    same = (earnings.c.account, earnings.c.currency)
    newer = func.sum(earnings.c.given).over(partition_by=same, order_by=earnings.c.id.desc()) - earnings.c.given
    given = (
        select(earnings.c.id, *same, earnings.c.given, newer.label("newer"))
        .where(earnings.c.given > 0, earnings.c.matured_ms.is_not(None))
        .where(earnings.c.account.in_(select(balances.c.owner).where(balances.c.kind == "credit", balances.c.nano > 0)))
        .where(earnings.c.account.in_(select(accounts.c.id).where(accounts.c.disabled.is_(False))))
        .subquery()
    )
    credit = and_(
        balances.c.owner == given.c.account, balances.c.currency == given.c.currency, balances.c.kind == "credit"
    )
    left = (
        select(given.c.account, given.c.currency, given.c.given, balances.c.nano - given.c.newer)
        .join(balances, credit)
        .where(given.c.newer < balances.c.nano)
        .order_by(given.c.id)
    )
    return [(row[0], row[1], min(int(row[2]), int(row[3]))) for row in connection.execute(left).all()]
