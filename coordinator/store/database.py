"""The database: opened, locked, migrated, written in transactions. Blocking: the caller brings the thread.

One SQLite file (the embedded default, in WAL mode, with the lock files of locks.py), or PostgreSQL, chosen by URL. One
connection in either case: all writing of a coordinator is one writer's. After a lost connection the next transaction
makes a new one.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Select, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DataError, IntegrityError
from sqlalchemy.pool import NullPool

from coordinator.store.errors import LedgerError, Unavailable
from coordinator.store.locks import FileLocks
from coordinator.store.migrate import migrate

BUSY_MS = 5000
CONNECT_S = 10
SERVER_LOCK = 0x5EA7  # PostgreSQL's advisory lock that the one server holds
# A transaction takes milliseconds: what waits longer for a lock or an answer is broken.
POSTGRES = "-c lock_timeout=10000 -c statement_timeout=60000 -c idle_in_transaction_session_timeout=60000"


def url_of(address: str | Path) -> URL:
    """A path is a SQLite file; `sqlite:///PATH` and `postgresql://USER@HOST/NAME` are URLs. Raises LedgerError."""
    if isinstance(address, Path) or "://" not in address:
        return URL.create("sqlite", database=str(address))
    try:
        url = make_url(address)
    except ArgumentError:
        raise LedgerError("the database's URL cannot be read; write postgresql://USER@HOST/NAME, or a path") from None
    kind = url.get_backend_name()
    if kind not in ("sqlite", "postgresql") or not url.database:
        raise LedgerError(f"no database is to be had at {url}: give a file, or postgresql://USER@HOST/NAME")
    return url.set(drivername="sqlite" if kind == "sqlite" else "postgresql+psycopg")


def sqlite_file(address: str | Path) -> Path | None:
    """None: it is not SQLite."""
    url = url_of(address)
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


class Database:
    """The one connection of this process, not for two threads at once. `name`: its file, or URL without password."""

    def __init__(self, address: str | Path, *, serve: bool = False) -> None:
        """Open, or create, and migrate. `serve`: this is the server, of which there is one. Raises LedgerError."""
        url, file = url_of(address), sqlite_file(address)
        self.name = str(file) if file else url.render_as_string(hide_password=True)
        self._exclusive: Callable[[], AbstractContextManager[None]] = nullcontext
        self._begin = "BEGIN" if file is None else "BEGIN IMMEDIATE"
        with ExitStack() as opened:
            try:
                if file is not None:
                    locks = FileLocks(file, serve=serve)
                    opened.callback(locks.close)
                    self._exclusive = locks.exclusive
                engine = _postgres(url, serve) if file is None else _sqlite(url)
                self._connection = opened.enter_context(self._connect(engine))
                with self.transaction() as connection:
                    migrate(connection)
            except OSError as error:
                raise LedgerError(f"cannot open {file}: {error.strerror}; give another file with --db") from None
            except DatabaseError as error:
                raise LedgerError(f"{self.name} is not a usable database: {error.orig}") from None
            self._opened = opened.pop_all()

    @contextmanager
    def _connect(self, engine: Engine) -> Iterator[Connection]:
        """SQLite's last connection to close checkpoints: opening and closing are writing too."""
        with self._exclusive():
            connection = engine.connect()
        try:
            yield connection
        finally:
            with self._exclusive():
                connection.close()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """All of it or nothing, and durable when the block has been left. Raises LedgerError when the database does not
        take it now, IntegrityError or DataError when it never will."""
        with self._exclusive():
            try:
                self._connection.exec_driver_sql(self._begin)
                yield self._connection
                self._connection.commit()
            except BaseException as error:
                self._connection.rollback()
                if isinstance(error, DatabaseError) and not isinstance(error, IntegrityError | DataError):
                    raise Unavailable(f"{self.name} cannot be written: {error.orig}") from error
                raise

    def query(self, select: Select[Any]) -> Sequence[Any]:
        """Rows, read outside of a transaction. Raises LedgerError."""
        try:
            return self._connection.execute(select).all()
        except DatabaseError as error:
            self._connection.rollback()
            raise Unavailable(f"{self.name} cannot be read: {error.orig}") from None

    def close(self) -> None:
        self._opened.close()


def _sqlite(url: URL) -> Engine:
    engine = create_engine(
        url,
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",  # transactions are begun by hand, as IMMEDIATE
        connect_args={"check_same_thread": False, "timeout": BUSY_MS / 1000},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _postgres(url: URL, serve: bool) -> Engine:
    engine = create_engine(
        url,
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        connect_args={"autocommit": True, "connect_timeout": CONNECT_S, "options": POSTGRES},
    )

    @event.listens_for(engine, "connect")
    def claim(connection: Any, _: object) -> None:
        if serve and not connection.execute(f"SELECT pg_try_advisory_lock({SERVER_LOCK})").fetchone()[0]:
            connection.close()
            raise LedgerError("another coordinator is running with this database (its advisory lock is held)")

    return engine
