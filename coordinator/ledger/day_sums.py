"""Sums of an append-only table by day. A row belongs either to them or, by its id, to what a reader adds.

What a reader adds is bounded: where more rows are not added up yet, as in the first minutes after an upgrade, it counts
up to a moment that `counted_until` tells.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, ScalarSelect, Select, Table, case, select, union_all
from sqlalchemy.dialects.postgresql import insert as insert_or_add

from coordinator.clock import DAY_MS
from coordinator.store.advisory import Lock
from coordinator.store.database import Database
from coordinator.store.roll_up import RollUp

BATCH = 2_000  # rows that one transaction adds up: those of earnings took 70 ms of a busy core, in which nobody books
REST = 10_000  # rows that a reader adds up

Sums = Callable[..., Select[Any]]  # of the rows for which some conditions hold, in the columns of `sums`


@dataclass(frozen=True)
class DaySums:
    """`rows` by day in `sums`, a table of the same name as its mark. `by_day` adds rows up, in the order of the columns
    of `sums`; those that are no part of its key are added to what is there, but of `latest` the greater stays.
    `money`: the column of what it was worth."""

    rows: Table
    sums: Table
    by_day: Sums
    lock: Lock
    money: str
    batch: int = BATCH
    rest: int = REST
    latest: frozenset[str] = frozenset()

    @property
    def roll_up(self) -> RollUp:
        return RollUp(self.sums.name, self.rows, self.lock, self._add, self.batch)

    @property
    def rolled(self) -> ScalarSelect[int]:
        """The last id that is in the sums."""
        return self.roll_up.rolled

    def _add(self, connection: Connection, after: int, until: int, _at_ms: int) -> None:
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

    def behind(self) -> tuple[ColumnElement[bool], ...]:
        """The rows that a reader adds to the sums."""
        return self.rows.c.id > self.rolled, self.rows.c.id <= self.rolled + self.rest

    def since(self, day: int, accounts: Sequence[str] | None = None) -> Select[Any]:
        """The same columns from a day on, of some accounts or of all: each row is in one of the two that are added."""
        fresh = self.by_day(*self.behind(), *self._rows_of(accounts), *self._from(day))
        old = select(*self.sums.c).where(self.sums.c.day >= day)
        if accounts is not None:
            old = old.where(self.sums.c.account.in_(accounts))
        return select(union_all(old, fresh).subquery())

    def counted_until(self, database: Database) -> int | None:
        """The time of the last row that readers count (Unix seconds); None: they count all."""
        more = select(self.rows.c.id).where(self.rows.c.id > self.rolled + self.rest).exists()
        last: Any = select(self.rows.c.at_ms).where(self.rows.c.id <= self.rolled + self.rest, more)
        found = database.query(last.order_by(self.rows.c.id.desc()).limit(1))
        return int(found[0][0]) // 1000 if found else None

    def _rows_of(self, accounts: Sequence[str] | None) -> tuple[ColumnElement[bool], ...]:
        """An expression, and not the column: no index by account, which may lead through millions of rows, but the
        few behind the mark."""
        return () if accounts is None else (self.rows.c.account.concat("").in_(accounts),)

    def _from(self, day: int) -> tuple[ColumnElement[bool], ...]:
        return (self.rows.c.at_ms >= day * DAY_MS,) if day else ()


def _greater(one: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    return case((one > other, one), else_=other)
