"""The rows of what keys spend: read and locked for a group of orders, written with it, looked up, and forgotten."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, and_, bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_not

from coordinator.ledger.spend import Purse, Spend, periods
from coordinator.store.database import Database
from coordinator.store.errors import Contended
from coordinator.store.tables import key_spend, keys


def read_spend(connection: Connection, among: Collection[Purse]) -> Spend:
    """What these purses hold, locked until the transaction ends; others of the same keys and periods may be with
    them."""
    asked = {"periods": sorted({period for period, _ in among}), "counters": sorted({counter for _, counter in among})}
    rows = connection.execute(_PURSES, asked).all() if among else ()
    return Spend({(row.period, row.counter): row.nano for row in rows})


def write_spend(connection: Connection, spend: Spend) -> None:
    """Write what has changed. Raises Contended if another writer has just made one of the purses."""
    for period, counter in sorted(spend.nano.keys() - spend.before.keys()):
        row = {"period": period, "counter": counter, "nano": spend.nano[period, counter]}
        if not connection.execute(_MAKE, row).rowcount:
            raise Contended(f"another writer has just counted for {counter} in {period}")
    moved = [
        {"_period": period, "_counter": counter, "nano": nano}
        for (period, counter), nano in sorted(spend.nano.items())
        if spend.before.get((period, counter), nano) != nano
    ]
    if moved:
        connection.execute(_MOVE, moved)


@dataclass(frozen=True)
class Spent:
    """Nano-dollars that a key and those made with it have spent, or that are held for them: today and this month."""

    day: int = 0
    month: int = 0


def spent_of(database: Database, account: str, at_ms: int) -> dict[str, Spent]:
    """What the keys of an account (its id) have spent on the day and in the month of a time, by the name of their
    counters; one that is not there has spent nothing."""
    now = periods(at_ms)
    names = select(func.coalesce(keys.c.counted_as, keys.c.id)).where(keys.c.account == account)
    rows = database.query(
        select(key_spend).where(key_spend.c.period.in_((now["day"], now["month"])), key_spend.c.counter.in_(names))
    )
    found = {(row.period, row.counter): row.nano for row in rows}
    counters = {counter for _, counter in found}
    return {
        counter: Spent(found.get((now["day"], counter), 0), found.get((now["month"], counter), 0))
        for counter in counters
    }


def forget(database: Database, at_ms: int) -> int:
    """Delete what was counted before the month that preceded that of a time: a hold may still be open from there.
    Returns how many."""
    kept = kept_since(at_ms)
    old = delete(key_spend).where(key_spend.c.period < kept)
    return database.transact(lambda connection: connection.execute(old).rowcount)


def kept_since(at_ms: int) -> str:
    """The first period that is kept: the month before that of a time."""
    now = datetime.fromtimestamp(at_ms / 1000, UTC)
    year, month = divmod(now.year * 12 + now.month - 2, 12)
    return f"{year:04}-{month + 1:02}"


_PERIODS: BindParameter[Any] = bindparam("periods", expanding=True)
_COUNTERS: BindParameter[Any] = bindparam("counters", expanding=True)
_PURSES = (
    select(key_spend)
    .where(key_spend.c.period.in_(_PERIODS), key_spend.c.counter.in_(_COUNTERS))  # of pairs SQLite would read all rows
    .order_by(key_spend.c.period, key_spend.c.counter)
    .with_for_update()
)
_MAKE = insert_or_not(key_spend).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
_MOVE = (
    update(key_spend)
    .where(and_(key_spend.c.period == bindparam("_period"), key_spend.c.counter == bindparam("_counter")))
    .values(nano=bindparam("nano"))
)
