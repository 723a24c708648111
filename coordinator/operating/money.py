"""All money of the network in a few sums, and the requests for which some is held. Whole nano-dollars."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, func, or_, select

from coordinator.ledger.pricing import CURRENCIES, Currency
from coordinator.operating.cursor import Cursor
from coordinator.store.database import Database
from coordinator.store.operator_tables import payouts
from coordinator.store.tables import balances, holds

# What belongs to accounts, and what to the platform: kinds of orders.Kind.
THEIRS = ("available", "funded", "held", "escrow", "earned", "credit")
OURS = ("revenue", "promotions", "deposits")
WAITING = ("asked", "approved")


@dataclass(frozen=True)
class Hold:
    """An open hold. `nano`: of all currencies together; `owner`: the replica that will end it, "" where one serves."""

    job: str
    account: str
    model: str
    kind: str | None
    nano: int
    at_ms: int
    deadline_ms: int
    owner: str


def sums(database: Database) -> dict[Currency, dict[str, int]]:
    """What all accounts have, and the platform, by currency and kind."""
    found: dict[Currency, dict[str, int]] = {currency: dict.fromkeys((*THEIRS, *OURS), 0) for currency in CURRENCIES}
    by = (balances.c.currency, balances.c.kind)
    for currency, kind, nano in database.query(select(*by, func.sum(balances.c.nano)).group_by(*by)):
        found[currency][kind] = int(nano)
    return found


def payouts_waiting(database: Database) -> dict[str, dict[str, tuple[int, int]]]:
    """Of payouts that are asked for, and approved but not sent: by state and currency how many, and their sum. What is
    approved has left the books, and is still owed."""
    found: dict[str, dict[str, tuple[int, int]]] = {state: {} for state in WAITING}
    by = (payouts.c.state, payouts.c.currency)
    summed = select(*by, func.count(), func.sum(payouts.c.nano)).where(payouts.c.state.in_(WAITING)).group_by(*by)
    for state, currency, number, nano in database.query(summed):
        found[state][currency] = int(number), int(nano)
    return found


def open_holds(database: Database, after: Cursor | None, most: int, account: str | None = None) -> list[Hold]:
    """The oldest first; of all accounts, or of one (its id)."""
    wanted = select(holds).where(holds.c.state == "held")
    if account is not None:
        wanted = wanted.where(holds.c.account == account)
    if after is not None:
        at_ms, job = after
        wanted = wanted.where(or_(holds.c.at_ms > at_ms, and_(holds.c.at_ms == at_ms, holds.c.job > job)))
    rows = database.query(wanted.order_by(holds.c.at_ms, holds.c.job).limit(most))
    return [
        Hold(row.job, row.account, row.model, row.kind, row.spark + row.sogni, row.at_ms, row.deadline_ms, row.owner)
        for row in rows
    ]


def count_holds(database: Database) -> tuple[int, int | None]:
    """How many are open, and since when the oldest (Unix milliseconds)."""
    counted: Any = select(func.count(), func.min(holds.c.at_ms)).where(holds.c.state == "held")
    ((number, oldest),) = database.query(counted)
    return int(number), None if oldest is None else int(oldest)
