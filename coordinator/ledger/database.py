"""One SQLite file: opened, locked, migrated, written in transactions. Blocking: the caller brings the thread.

SQLite up to the version that Python ships here (3.40) can corrupt a file in WAL mode when two connections write or
checkpoint at the same instant (the WAL-reset bug), and the CLI may write while the server runs. So every transaction,
and the checkpoints that commits and closes bring along, happen under one lock file that both take: never at the same
instant. A second lock file, held for life, keeps a second server away.
"""

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection, Row, Select, create_engine, insert, inspect, select, update
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from coordinator.ledger.tables import STEPS, metadata, schema

LOCK_S = 10.0  # a transaction takes milliseconds: whoever holds the lock longer is broken
POLL_S = 0.005
BUSY_MS = 5000


class LedgerError(Exception):
    """The database cannot be used; the text says what to do."""


class Database:
    """The one connection of this process. Not for two threads at once."""

    def __init__(self, path: Path, *, serve: bool = False) -> None:
        """Open or create `path`. `serve`: this is the server, of which there is one. Raises LedgerError."""
        self._path = path
        with ExitStack() as opened:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
                self._writing = opened.enter_context(path.with_name(path.name + ".write-lock").open("w"))
                if serve:
                    _claim(opened.enter_context(path.with_name(path.name + ".server-lock").open("w")))
            except OSError as error:
                raise LedgerError(f"cannot open {path}: {error.strerror}; give another file with --db") from None
            try:
                self._connection = opened.enter_context(self._connect())
                self._migrate()
            except DatabaseError as error:
                raise LedgerError(f"{path} is not a usable database: {error.orig}") from None
            self._opened = opened.pop_all()

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        """The last connection to close checkpoints: opening and closing are writing too."""
        engine = create_engine(
            f"sqlite:///{self._path}",
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",  # transactions are begun by hand, as IMMEDIATE
            connect_args={"check_same_thread": False, "timeout": BUSY_MS / 1000},
        )
        with self._exclusive():
            connection = engine.connect()
        try:
            with self._exclusive():
                for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                    connection.exec_driver_sql(f"PRAGMA {pragma}")
            yield connection
        finally:
            with self._exclusive():
                connection.close()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """All of it or nothing, and durable when the block has been left."""
        with self._exclusive():
            self._connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.exec_driver_sql("ROLLBACK")
                raise
            self._connection.exec_driver_sql("COMMIT")

    def query(self, select: Select[Any]) -> Sequence[Row[Any]]:
        """Read outside of a transaction. Raises LedgerError."""
        try:
            return self._connection.execute(select).all()
        except DatabaseError as error:
            raise LedgerError(f"{self._path} cannot be read: {error.orig}") from None

    def version(self) -> int:
        """Changes whenever another process has written to the file (PRAGMA data_version). Raises LedgerError."""
        try:
            return int(self._connection.exec_driver_sql("PRAGMA data_version").scalar_one())
        except DatabaseError as error:
            raise LedgerError(f"{self._path} cannot be read: {error.orig}") from None

    def close(self) -> None:
        self._opened.close()

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        deadline = time.monotonic() + LOCK_S
        while True:
            try:
                fcntl.flock(self._writing, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise LedgerError(f"{self._path} has been locked for {LOCK_S:.0f} s by another process") from None
                time.sleep(POLL_S)
        try:
            yield
        finally:
            fcntl.flock(self._writing, fcntl.LOCK_UN)

    def _migrate(self) -> None:
        with self.transaction() as connection:
            found = inspect(connection).has_table(schema.name)
            version = connection.execute(select(schema.c.version)).scalar_one() if found else 0
            if version > len(STEPS):
                message = f"{self._path} was written by a newer version (schema {version}): upgrade this program"
                raise LedgerError(message)
            for tables in STEPS[version:]:
                metadata.create_all(connection, tables=tables, checkfirst=False)
            if not found:
                connection.execute(insert(schema).values(version=len(STEPS)))
            elif version < len(STEPS):
                connection.execute(update(schema).values(version=len(STEPS)))


def _claim(lock: IO[str]) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LedgerError(f"another coordinator is running with this database ({lock.name} is held)") from None
