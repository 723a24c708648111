"""Sums of an append-only table by day, moved on from time to time: nothing is added up on the path of a request.

Ids are given out in order but not committed in order where several replicas write. So rows count as complete up to the
id that was the last one SETTLED_MS ago: no transaction is open for so long. A row belongs either to the sums or, by its
id, to what a reader adds to them; the version before may write in between.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    ScalarSelect,
    Select,
    Table,
    case,
    func,
    insert,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert as insert_or_add

from coordinator.clock import DAY_MS
from coordinator.store.advisory import Lock, free
from coordinator.store.database import Database
from coordinator.store.rollup_tables import marks

SETTLED_MS = 600_000  # PostgreSQL breaks off what waits or computes for a minute (store/engines.py)
BATCH = 2_000  # rows that one transaction adds up: those of earnings took 70 ms of a busy core, in which nobody books

Sums = Callable[..., Select[Any]]  # of the rows for which some conditions hold, in the columns of `sums`


@dataclass(frozen=True)
class RollUp:
    """`rows` by day in `sums`, a table of the same name as its mark. `by_day` adds rows up, in the order of the columns
    of `sums`; those that are no part of its key are added to what is there, but of `latest` the greater stays.
    `money`: the column of what it was worth."""

    rows: Table
    sums: Table
    by_day: Sums
    lock: Lock
    money: str
    batch: int = BATCH
    latest: frozenset[str] = frozenset()

    @property
    def rolled(self) -> ScalarSelect[Any]:
        """The last id that is in the sums."""
        return (
            select(func.coalesce(func.max(marks.c.rolled), 0)).where(marks.c.name == self.sums.name).scalar_subquery()
        )

    def roll(self, database: Database, at_ms: int) -> int:
        """Add up what is complete, at most a batch of rows. Returns how many; call again until it is none: there is
        none either where another replica is at it."""
        return database.transact(lambda connection: self._roll(connection, at_ms))

    def _roll(self, connection: Connection, at_ms: int) -> int:
        if not free(connection, self.lock):
            return 0
        mine = marks.c.name == self.sums.name
        mark = connection.execute(select(marks).where(mine)).first()
        if mark is None:
            first = {"name": self.sums.name, "rolled": 0, "seen": self._last(connection), "seen_ms": at_ms}
            connection.execute(insert(marks).values(**first))
            return 0
        if at_ms - mark.seen_ms < SETTLED_MS:
            return 0
        until: int = min(mark.seen, mark.rolled + self.batch)
        if until > mark.rolled:
            self._add(connection, mark.rolled, until)
        values = {"rolled": until}
        if until == mark.seen:
            values |= {"seen": self._last(connection), "seen_ms": at_ms}
        connection.execute(update(marks).where(mine).values(**values))
        return until - int(mark.rolled)

    def _last(self, connection: Connection) -> int:
        return int(connection.execute(select(func.coalesce(func.max(self.rows.c.id), 0))).scalar_one())

    def _add(self, connection: Connection, after: int, until: int) -> None:
        summed = self.by_day(self.rows.c.id > after, self.rows.c.id <= until)
        adding = insert_or_add(self.sums).from_select([column.name for column in self.sums.c], summed)
        key = list(self.sums.primary_key)
        more = {
            column.name: _greater(column, adding.excluded[column.name])
            if column.name in self.latest
            else column + adding.excluded[column.name]
            for column in self.sums.c
            if not column.primary_key
        }
        connection.execute(adding.on_conflict_do_update(index_elements=key, set_=more))

    def since(self, day: int, accounts: Sequence[str] | None = None) -> Select[Any]:
        """The same columns from a day on, of some accounts or of all: each row is in one of the two that are added."""
        fresh = self.by_day(*self._of(self.rows, accounts), self.rows.c.id > self.rolled, *self._from(day))
        old = select(*self.sums.c).where(self.sums.c.day >= day, *self._of(self.sums, accounts))
        return select(union_all(old, fresh).subquery())

    @staticmethod
    def _of(table: Table, accounts: Sequence[str] | None) -> tuple[ColumnElement[bool], ...]:
        return () if accounts is None else (table.c.account.in_(accounts),)

    def _from(self, day: int) -> tuple[ColumnElement[bool], ...]:
        return (self.rows.c.at_ms >= day * DAY_MS,) if day else ()


def _greater(one: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    return case((one > other, one), else_=other)
