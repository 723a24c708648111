"""Sums of an append-only table, moved on beside the work: nothing is added up on the path of a request.

Ids are given out in order, but several replicas do not commit in that order: a row may come after one with a greater
id. So it is seen which row is the last, and who writes at that moment. Once these have ended, no row up to that one is
still to come. Nobody who writes waits for it, and it needs no clock: PostgreSQL builds an index beside writers so.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, ScalarSelect, Table, column, func, insert, select, table, update

from coordinator.store.advisory import Lock, free
from coordinator.store.database import Database
from coordinator.store.rollup_tables import marks

# What a transaction that inserts holds on the table from before it takes an id until it ends.
WRITES = "RowExclusiveLock"
_LOCKS = table(
    "pg_locks", *(column(name) for name in ("locktype", "database", "relation", "mode", "virtualtransaction"))
)
_BASES = table("pg_database", column("oid"), column("datname"))


@dataclass(frozen=True)
class Seen:
    """The last id of a table, and the transactions that write to it since before that was seen."""

    last: int
    writers: frozenset[str]


def look(database: Database, rows: Table) -> Seen:
    """Where the table ends now. Raises StoreError."""
    ((last,),) = database.query(select(func.coalesce(func.max(rows.c.id), 0)))
    return Seen(int(last), writers(database, rows))


def writers(database: Database, rows: Table) -> frozenset[str]:
    """The transactions that have written to the table, or are about to; none where there is one writer, who asks."""
    if "://" not in database.name:
        return frozenset()
    here = select(_BASES.c.oid).where(_BASES.c.datname == func.current_database()).scalar_subquery()
    which = func.to_regclass(rows.name)
    held = (_LOCKS.c.locktype == "relation", _LOCKS.c.database == here, _LOCKS.c.relation == which)
    found = database.query(select(_LOCKS.c.virtualtransaction).where(*held, _LOCKS.c.mode == WRITES))
    return frozenset(row[0] for row in found)


@dataclass(frozen=True)
class RollUp:
    """The sums of `rows` that `add` makes: of those after one id, until another, at a time (Unix milliseconds), in a
    transaction of the caller. `marks` has under `name` how far they have come. `batch`: rows of one transaction."""

    name: str
    rows: Table
    lock: Lock
    add: Callable[[Connection, int, int, int], None]
    batch: int

    @property
    def rolled(self) -> ScalarSelect[int]:
        """The last id that is in the sums."""
        return select(func.coalesce(func.max(marks.c.rolled), 0)).where(marks.c.name == self.name).scalar_subquery()

    def roll(self, database: Database, last: int, at_ms: int) -> int:
        """Add up at most a batch of the rows up to `last`, before which no further one comes. Returns how many;
        call again until it is none: there is none either where another replica is at it. Raises StoreError."""
        return database.transact(lambda connection: self._roll(connection, last, at_ms))

    def _roll(self, connection: Connection, last: int, at_ms: int) -> int:
        if not free(connection, self.lock):
            return 0
        mine = marks.c.name == self.name
        rolled = connection.execute(select(marks.c.rolled).where(mine)).scalar()
        after = int(rolled or 0)
        ids = select(self.rows.c.id).where(self.rows.c.id > after, self.rows.c.id <= last)
        some = ids.order_by(self.rows.c.id).limit(self.batch).subquery()
        number, until = connection.execute(select(func.count(), func.max(some.c.id)).select_from(some)).one()
        if not number:
            return 0
        self.add(connection, after, until, at_ms)
        if rolled is None:
            connection.execute(insert(marks).values(name=self.name, rolled=until))
        else:
            connection.execute(update(marks).where(mine).values(rolled=until))
        return int(number)
