"""The database: opened, locked, migrated, written in transactions. Blocking: the caller brings the thread.

One SQLite file (the embedded default, in WAL mode, with the lock files of locks.py), or PostgreSQL, chosen by URL. One
connection in either case: all writing of a coordinator is one writer's. After a lost connection the next transaction
makes a new one. Several replicas may serve with one PostgreSQL (replicas.py), or one server alone: each keeps the other
away by the same advisory lock, which replicas share.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, Select, create_engine, event, func, make_url, select, update
from sqlalchemy.exc import ArgumentError, DatabaseError, DataError, IntegrityError
from sqlalchemy.pool import NullPool

from coordinator.clock import now_ms
from coordinator.store import replicas
from coordinator.store.advisory import Lock, wait
from coordinator.store.errors import Contended, Overtaken, StoreError, Unavailable
from coordinator.store.locks import FileLocks
from coordinator.store.migrate import migrate
from coordinator.store.replicas import Identity
from coordinator.store.tables import servers

BUSY_MS = 5000
_LAST = select(func.max(servers.c.number))
CONNECT_S = 10
TRIES = 5  # of a transaction that other writers are in the way of
# Deadlock, serialization failure, lock timeout; and a row that another writer has just made under the same name.
CONTENDED, MADE_TWICE = ("40P01", "40001", "55P03"), "23505"
# A transaction takes milliseconds: what waits longer for a lock or an answer is broken.
POSTGRES = "-c lock_timeout=10000 -c statement_timeout=60000 -c idle_in_transaction_session_timeout=60000"

T = TypeVar("T")


def url_of(address: str | Path) -> URL:
    """The database's URL. An address is one, or the path of a SQLite file. Raises StoreError.

    URLs are `sqlite:///PATH` and `postgresql://USER@HOST/NAME`.
    """
    if isinstance(address, Path) or "://" not in address:
        return URL.create("sqlite", database=str(address))
    try:
        url = make_url(address)
    except ArgumentError:
        raise StoreError("the database's URL cannot be read; write postgresql://USER@HOST/NAME, or a path") from None
    kind = url.get_backend_name()
    if kind not in ("sqlite", "postgresql") or not url.database:
        raise StoreError(f"no database is to be had at {url}: give a file, or postgresql://USER@HOST/NAME")
    return url.set(drivername="sqlite" if kind == "sqlite" else "postgresql+psycopg")


def sqlite_file(address: str | Path) -> Path | None:
    """The file of a SQLite database; None for another database."""
    url = url_of(address)
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


class Database:
    """The one connection of this process, not for two threads at once. `name`: its file, or URL without password."""

    def __init__(self, address: str | Path, *, serve: bool = False, shared: bool = False, name: str = "") -> None:
        """Open, or create, and migrate. `serve`: this is the one server, or, `shared`, a replica called `name` beside
        others. Raises StoreError."""
        url, file = url_of(address), sqlite_file(address)
        if shared and file is not None:
            raise StoreError(
                f"replicas share one database, and {file} is a file: give --db postgresql://USER@HOST/NAME"
            )
        self.name = str(file) if file else url.render_as_string(hide_password=True)
        self._exclusive: Callable[[], AbstractContextManager[None]] = nullcontext
        self._begin = "BEGIN" if file is None else "BEGIN IMMEDIATE"
        self.shared, self._replica_name = serve and shared, name
        self.identity = Identity()
        with ExitStack() as opened:
            try:
                if file is not None:
                    locks = FileLocks(file, serve=serve)
                    opened.callback(locks.close)
                    self._exclusive = locks.exclusive
                engine = (
                    _postgres(url, serve, shared) if file is None else _sqlite(url.set(database=str(file.resolve())))
                )
                self._connection = opened.enter_context(self._connect(engine))
                with self.transaction() as connection:
                    wait(connection, Lock.MIGRATE)
                    migrate(connection)
                if serve:
                    with self.transaction() as connection:
                        begun = replicas.join(connection, name) if shared else replicas.start_alone(connection)
                    self.identity = begun
            except OSError as error:
                raise StoreError(f"cannot open {file}: {error.strerror}; give another file with --db") from None
            except DatabaseError as error:
                raise StoreError(f"{self.name} is not a usable database: {error.orig}") from None
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

    @property
    def replica(self) -> str:
        """The id under which this process serves beside others; "": it serves alone. See Identity.owner."""
        return self.identity.owner

    def _overtaken(self, connection: Connection) -> bool:
        """Whether a later server has taken the database: of those that serve alone only the last may write. It is
        written down that this one still ran, as the other must have ended its jobs."""
        server = self.identity.server
        if self.shared or server is None or connection.execute(_LAST).scalar() == server:
            return False
        late = update(servers).where(servers.c.number == server, servers.c.overtaken_ms.is_(None))
        connection.execute(late.values(overtaken_ms=now_ms()))
        return True

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Commit all that the block does, or nothing of it; it is durable when the block has been left.

        Raises Unavailable when the database does not take it now, IntegrityError or DataError when it never will,
        Overtaken in a server that is not the last any more.
        """
        with self._exclusive():
            try:
                self._connection.exec_driver_sql(self._begin)
                self._come_back(self._connection)
                overtaken = self._overtaken(self._connection)
                if not overtaken:
                    yield self._connection
                self._connection.commit()
                if overtaken:
                    raise Overtaken(f"another coordinator has taken {self.name}: this one may not write any more")
            except BaseException as error:
                self._connection.rollback()
                if isinstance(error, DatabaseError) and not isinstance(error, IntegrityError | DataError):
                    if _state(error) in CONTENDED:
                        raise Contended(f"{self.name} has other writers in the way: {error.orig}") from error
                    raise Unavailable(f"{self.name} cannot be written: {error.orig}") from error
                raise

    def _come_back(self, connection: Connection) -> None:
        """A replica that the others have taken for dead goes on as a new one; what it held before, they end."""
        if not self.shared or not self.identity.owner or replicas.lives(connection, self.identity):
            return
        identity = replicas.join(connection, self._replica_name, self.identity)
        connection.commit()
        self.identity = identity
        connection.exec_driver_sql(self._begin)

    def transact(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` does in a transaction. It is done anew, a few times, while other writers are in its way.
        Raises what `transaction` raises."""
        for left in reversed(range(TRIES)):
            try:
                with self.transaction() as connection:
                    return work(connection)
            except (Contended, IntegrityError) as error:
                if not left or not (isinstance(error, Contended) or _state(error) == MADE_TWICE):
                    raise
        raise AssertionError("the last try returns or raises")

    def query(self, select: Select[Any]) -> Sequence[Any]:
        """Rows, read outside of a transaction. Raises Unavailable."""
        try:
            return self._connection.execute(select).all()
        except DatabaseError as error:
            self._connection.rollback()
            raise Unavailable(f"{self.name} cannot be read: {error.orig}") from None

    def close(self) -> None:
        if self.shared and self.identity.owner:
            with suppress(StoreError), self.transaction() as connection:
                replicas.leave(connection, self.identity)
        self._opened.close()


def _state(error: DatabaseError) -> str | None:
    """PostgreSQL's five letters for what went wrong."""
    return getattr(error.orig, "sqlstate", None)


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


def _postgres(url: URL, serve: bool, shared: bool) -> Engine:
    engine = create_engine(
        url,
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        connect_args={"autocommit": True, "connect_timeout": CONNECT_S, "options": POSTGRES},
    )

    @event.listens_for(engine, "connect")
    def claim(connection: Any, _: object) -> None:
        lock = "pg_try_advisory_lock_shared" if shared else "pg_try_advisory_lock"
        if serve and not connection.execute(f"SELECT {lock}({Lock.SERVER})").fetchone()[0]:
            connection.close()
            alone = ", and not as one of several replicas" if shared else ""
            raise StoreError(f"another coordinator is running with this database{alone} (its advisory lock is held)")

    return engine
