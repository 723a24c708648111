"""A SQLite database becomes a PostgreSQL one: every row of every table, in one transaction of the new one.

The file is locked meanwhile, so a coordinator that serves with it tells its clients to come back in a moment, and once
the rows are there it goes on with them (Database.transaction). Until the last step, a note in the file, the file is the
database: whatever ends the move before that has changed nothing, and it can be begun again.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Float,
    Integer,
    Table,
    cast,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.exc import DatabaseError

from coordinator.clock import now_ms
from coordinator.store.database import MOVED_TO, Database
from coordinator.store.engines import sqlite_file, url_of
from coordinator.store.errors import StoreError
from coordinator.store.replicas import KEPT_MS
from coordinator.store.schema import metadata
from coordinator.store.tables import accounts, servers, settings

ID = "database"  # the setting by which a file knows a copy of itself
BATCH = 20_000  # rows from one report of progress to the next
PRIME = 2**31 - 1  # numbers are summed modulo that: SQLite's sums end at 2**63

Progress = Callable[[str, int, int], None]  # table, rows that have been copied, rows


def move(source: Database, address: str, progress: Progress, check: Callable[[Database], list[str]]) -> dict[str, int]:
    """Make the PostgreSQL database at the address what the source is, and have the source say so. Returns the rows of
    each table. Raises StoreError: nothing has changed.

    `check` says what is wrong with the money of a database; the same must be said of both.
    """
    if "://" in source.name or sqlite_file(address) is not None:
        raise StoreError("a file moves to a server: give --to postgresql://USER@HOST/NAME, and the file with --db")
    _name(source)
    target = Database(address, alone=True)  # a start of its own would look like somebody else's, the next time
    try:
        with source.transaction() as here:
            with target.transaction() as there:
                counts = _fill(here, there, target.name, progress)
                if (old := check(source)) != (new := check(target)):
                    raise StoreError(f"the books of the copy are not those of the file: {new}, and not {old}")
            url = url_of(address).set(drivername="postgresql").render_as_string(hide_password=False)
            here.execute(insert(settings).values(name=MOVED_TO, value=url))
            here.execute(insert(servers).values(started_ms=now_ms()))  # the server that runs finds a later one: this
    except DatabaseError as error:
        raise StoreError(f"{target.name} cannot be filled: {error.orig}") from None
    finally:
        target.close()
    return counts


def _name(source: Database) -> None:
    with source.transaction() as connection:
        if connection.execute(select(settings.c.value).where(settings.c.name == ID)).first() is None:
            connection.execute(insert(settings).values(name=ID, value=secrets.token_hex(16)))


def _fill(here: Connection, there: Connection, name: str, progress: Progress) -> dict[str, int]:
    there.execute(text("SET LOCAL statement_timeout = 0"))
    there.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))  # while the file is read and added up
    _refuse_other(here, there, name)
    there.execute(text(f"TRUNCATE {', '.join(metadata.tables)}"))
    counts = {table.name: _copy(here, there, table, progress) for table in metadata.sorted_tables}
    there.execute(text("ANALYZE"))
    for table in metadata.sorted_tables:
        if (old := _summed(here, table)) != (new := _summed(there, table)):
            raise StoreError(f"the copy of {table.name} is not what was copied: {new}, and not {old}")
    return counts


def _refuse_other(here: Connection, there: Connection, name: str) -> None:
    """Raises StoreError for a database that has accounts, but for a copy of the file with which nobody served yet: the
    move was ended between its last two steps."""
    if not there.execute(select(accounts.c.id).limit(1)).all():
        return
    known = select(settings.c.value).where(settings.c.name == ID)
    starts = select(servers.c.number, servers.c.started_ms)
    own = {tuple(row) for row in here.execute(starts)}
    recent = there.execute(starts.where(servers.c.started_ms >= now_ms() - KEPT_MS))  # old ones are cleaned away
    if here.execute(known).scalar() != there.execute(known).scalar() or {tuple(row) for row in recent} - own:
        raise StoreError(f"{name} has accounts already: give the URL of an empty database")


def _copy(here: Connection, there: Connection, table: Table, progress: Progress) -> int:
    rows = here.execute(select(func.count()).select_from(table)).scalar_one()
    names = ", ".join(f'"{column.name}"' for column in table.c)
    driver: Any = there.connection.driver_connection
    done = 0
    with (
        _told(there, table),
        driver.cursor() as cursor,
        cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy,
    ):
        found = here.execute(select(table), execution_options={"yield_per": BATCH})
        for batch in found.partitions():
            for row in batch:
                copy.write_row(row)
            done += len(batch)
            progress(table.name, done, rows)
    for column in table.c:
        if column.autoincrement is True and column.primary_key:
            last = select(func.setval(func.pg_get_serial_sequence(table.name, column.name), func.max(column)))
            there.execute(last)
    return done


@contextmanager
def _told(there: Connection, table: Table) -> Iterator[None]:
    """What the driver raises, in our words: SQLAlchemy does not see it. Raises StoreError."""
    try:
        yield
    except there.dialect.loaded_dbapi.Error as error:
        raise StoreError(f"{table.name} cannot be copied: {error}") from None


def _summed(connection: Connection, table: Table) -> list[int]:
    """What two databases with the same rows say alike: of each column how many there are, and their sum."""
    sums: list[ColumnElement[Any]] = [func.count()]
    for column in table.c:
        sums.append(func.count(column))
        if isinstance(column.type, Boolean):
            sums.append(func.sum(cast(column, Integer)))
        elif isinstance(column.type, Integer):
            sums.append(func.sum(cast(column, BigInteger) % PRIME))
        elif not isinstance(column.type, Float):
            sums.append(func.sum(func.length(column)))
    (row,) = connection.execute(select(*sums).select_from(table)).all()
    return [int(value or 0) for value in row]
