"""The sums of `usage` by day, moved on from time to time, so that nothing is added up on the path of a request.

Ids are given out in order but not committed in order where several replicas write. So rows count as complete up to the
id that was the last one SETTLED_MS ago: no transaction is open for so long. A row belongs either to the sums or, by its
id, to what a reader adds to them; the version before may write in between.
"""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, Select, cast, func, insert, select, union_all, update
from sqlalchemy.dialects.postgresql import insert as insert_or_add

from coordinator.clock import DAY_MS
from coordinator.store.advisory import Lock, free
from coordinator.store.database import Database
from coordinator.store.rollup_tables import marks, usage_days
from coordinator.store.tables import usage

NAME = "usage_days"
SETTLED_MS = 3_600_000
BATCH = 50_000  # rows of usage that one transaction adds up
SUMMED = ("prompt", "cached", "completion", "reasoning", "cost_nano", "units")


def roll(database: Database, at_ms: int) -> int:
    """Add up what is complete, at most BATCH rows. Returns how many; call again until it is none: there is none either
    where another replica is at it."""
    return database.transact(lambda connection: _roll(connection, at_ms))


def _roll(connection: Connection, at_ms: int) -> int:
    if not free(connection, Lock.USAGE_DAYS):
        return 0
    mark = connection.execute(select(marks).where(marks.c.name == NAME)).first()
    if mark is None:
        connection.execute(insert(marks).values(name=NAME, rolled=0, seen=_last(connection), seen_ms=at_ms))
        return 0
    until: int = min(mark.seen, mark.rolled + BATCH)
    if until > mark.rolled:
        _add(connection, mark.rolled, until)
    values = {"rolled": until}
    if until == mark.seen and at_ms - mark.seen_ms >= SETTLED_MS:
        values |= {"seen": _last(connection), "seen_ms": at_ms}
    connection.execute(update(marks).where(marks.c.name == NAME).values(**values))
    return until - int(mark.rolled)


def _last(connection: Connection) -> int:
    return int(connection.execute(select(func.coalesce(func.max(usage.c.id), 0))).scalar_one())


def _add(connection: Connection, after: int, until: int) -> None:
    columns = ("account", "day", "model", "key", "requests", *SUMMED)
    summed = by_day(usage.c.id > after, usage.c.id <= until)
    adding = insert_or_add(usage_days).from_select(columns, summed)
    more = {name: usage_days.c[name] + adding.excluded[name] for name in ("requests", *SUMMED)}
    connection.execute(adding.on_conflict_do_update(index_elements=list(usage_days.primary_key), set_=more))


def by_day(*where: ColumnElement[bool]) -> Select[Any]:
    """The sums of those rows of usage: account, day, model, key, requests, and SUMMED."""
    day = cast((usage.c.at_ms - usage.c.at_ms % DAY_MS) / DAY_MS, Integer)
    by = (usage.c.account, day, usage.c.model, usage.c.key)
    counted = (func.sum(func.coalesce(usage.c[name], 0)).label(name) for name in SUMMED)
    named = (usage.c.account, day.label("day"), usage.c.model, usage.c.key, func.count().label("requests"))
    return select(*named, *counted).where(*where).group_by(*by)


def since(account: str, day: int) -> Select[Any]:
    """The same columns, for an account from a day on: each of its rows is in one of the two that are added here."""
    mark = func.coalesce(select(marks.c.rolled).where(marks.c.name == NAME).scalar_subquery(), 0)
    fresh = by_day(usage.c.account == account, usage.c.id > mark, usage.c.at_ms >= day * DAY_MS)
    old = select(*usage_days.c).where(usage_days.c.account == account, usage_days.c.day >= day)
    return select(union_all(old, fresh).subquery())
