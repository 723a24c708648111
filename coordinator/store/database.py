"""The database: opened, locked, migrated, written in transactions. Blocking: the caller brings the thread.

One SQLite file (the embedded default, in WAL mode, with the lock files of locks.py), or PostgreSQL, chosen by URL. One
connection in either case: all writing of a coordinator is one writer's. After a lost connection the next transaction
makes a new one. Several replicas may serve with one PostgreSQL (replicas.py), or one server alone: each keeps the other
away by the same advisory lock, which replicas share.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Select, func, inspect, select, update
from sqlalchemy.exc import DatabaseError, DataError, IntegrityError

from coordinator.clock import now_ms
from coordinator.store import replicas
from coordinator.store.advisory import Lock, wait
from coordinator.store.engines import named, postgres, sqlite, sqlite_file, url_of
from coordinator.store.errors import Contended, Overtaken, StoreError, Unavailable, Unstorable
from coordinator.store.locks import FileLocks
from coordinator.store.migrate import migrate
from coordinator.store.replicas import Identity
from coordinator.store.tables import servers, settings

_LAST = select(func.max(servers.c.number))
MOVED_TO = "moved to"  # the setting of a file that has become another database: its URL
MOVED_WHERE = "give its URL with --db, as `database move` said"
TRIES = 5  # of a transaction that other writers are in the way of
# Deadlock, serialization failure, lock timeout; and a row that another writer has just made under the same name.
CONTENDED, MADE_TWICE = ("40P01", "40001", "55P03"), "23505"
READ_ONLY = "25006"
log = logging.getLogger("supernet.store")

T = TypeVar("T")


class Database:
    """The one connection of this process, not for two threads at once. `name`: its file, or URL without password."""

    def __init__(
        self,
        address: str | Path,
        *,
        serve: bool = False,
        shared: bool = False,
        name: str = "",
        alone: bool = False,
    ) -> None:
        """Open, or create, and migrate. `serve`: this is the one server, or, `shared`, a replica called `name` beside
        others. `alone`: nobody else serves meanwhile, and neither does this. Raises StoreError."""
        file = sqlite_file(address)
        if shared and file is not None:
            raise StoreError(
                f"replicas share one database, and {file} is a file: give --db postgresql://USER@HOST/NAME"
            )
        url = url_of(address)
        self.address = address
        self.name = str(file) if file else named(url)
        self._exclusive: Callable[[], AbstractContextManager[None]] = nullcontext
        self._begin = "BEGIN" if file is None else "BEGIN IMMEDIATE"
        self.shared, self._replica_name = serve and shared, name
        self.identity = Identity()
        self._moved_to: str | None = None  # the database that this one has become, once that is known
        self._along: Callable[[Connection], None] | None = None  # done at the end of the next transaction
        self._before: Callable[[Connection], None] | None = None  # and at its beginning
        with ExitStack() as opened:
            try:
                if file is not None:
                    locks = FileLocks(file, serve=serve or alone)
                    opened.callback(locks.close)
                    self._exclusive = locks.exclusive
                engine = postgres(url, serve or alone, shared) if file is None else sqlite(file)
                self._connection = opened.enter_context(self._connect(engine))
                with self.transaction() as connection:
                    wait(connection, Lock.MIGRATE)
                    migrate(connection)
                    if inspect(connection).has_table(settings.name) and self._moved(connection):
                        raise StoreError(f"{self.name} has moved to another database: {MOVED_WHERE}")
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

    def _moved(self, connection: Connection) -> bool:
        """Whether the file has become another database (move.py)."""
        found = select(settings.c.value).where(settings.c.name == MOVED_TO)
        self._moved_to = connection.execute(found).scalar()
        return self._moved_to is not None

    def _follow(self, address: str) -> None:
        """Go on in the database that this one has become, as the one server there."""
        there, left = Database(address, serve=True), self._opened
        self.name, self.identity, self._moved_to, self.address = there.name, there.identity, None, address
        self._exclusive, self._begin, self._connection = there._exclusive, there._begin, there._connection
        self._opened = there._opened
        left.close()
        log.warning(
            "the database has moved: this server goes on with %s, which its next start must be given", self.name
        )

    def _overtaken(self, connection: Connection) -> bool:
        """Whether a later server has taken the database: of those that serve alone only the last may write. It is
        written down that this one still ran, as the other must have ended its jobs."""
        server = self.identity.server
        if self.shared or server is None or connection.execute(_LAST).scalar() == server:
            return False
        if self._moved(connection):
            raise Unavailable(f"{self.name} has just become another database")
        late = update(servers).where(servers.c.number == server, servers.c.overtaken_ms.is_(None))
        connection.execute(late.values(overtaken_ms=now_ms()))
        return True

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Commit all that the block does, or nothing of it; it is durable when the block has been left.

        Raises Unavailable when the database does not take it now, IntegrityError or Unstorable when it never will,
        Overtaken in a server that is not the last any more.
        """
        if self._moved_to is not None:
            self._follow(self._moved_to)
        with self._exclusive():
            try:
                self._connection.exec_driver_sql(self._begin)
                self._come_back(self._connection)
                overtaken = self._overtaken(self._connection)
                if not overtaken:
                    if self._before is not None:
                        self._before(self._connection)
                    yield self._connection
                    if self._along is not None:
                        self._along(self._connection)
                self._connection.commit()
                self._along = self._before = None
                if overtaken:
                    raise Overtaken(f"another coordinator has taken {self.name}: this one may not write any more")
            except BaseException as error:
                self._connection.rollback()
                if isinstance(error, DatabaseError) and _state(error) == READ_ONLY:
                    self._connection.invalidate()  # it has become a standby, and the one that writes is another
                if isinstance(error, DataError):
                    raise _unstorable(error) from error
                if isinstance(error, DatabaseError) and not isinstance(error, IntegrityError):
                    if _state(error) in CONTENDED:
                        raise Contended(f"{self.name} has other writers in the way: {error.orig}") from error
                    raise Unavailable(f"{self.name} cannot be written: {error.orig}") from error
                raise

    @contextmanager
    def along(
        self, last: Callable[[Connection], None] | None, first: Callable[[Connection], None] | None = None
    ) -> Iterator[None]:
        """The first transaction of the block that is committed does this too, at its end and at its beginning: nothing
        of it is there without the other."""
        self._along, self._before = last, first
        try:
            yield
        finally:
            self._along = self._before = None

    def _come_back(self, connection: Connection) -> None:
        """A replica that the others have taken for dead goes on as a new one; what it held before, they end."""
        if not self.shared or not self.identity.owner or replicas.lives(connection, self.identity):
            return
        identity = replicas.join(connection, self._replica_name, self.identity)
        connection.commit()
        log.warning("this replica was taken for dead, and what it held is ended; it goes on as %s", identity.owner)
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
        """Rows, read outside of a transaction. Raises Unavailable, Unstorable."""
        try:
            return self._connection.execute(select).all()
        except DatabaseError as error:
            self._connection.rollback()
            if isinstance(error, DataError):
                raise _unstorable(error) from None
            raise Unavailable(f"{self.name} cannot be read: {error.orig}") from None

    def close(self) -> None:
        if self.shared and self.identity.owner:
            with suppress(StoreError), self.transaction() as connection:
                replicas.leave(connection, self.identity)
        self._opened.close()


def _unstorable(error: DataError) -> Unstorable:
    """Its words are for a client: they name no database."""
    return Unstorable(f"This cannot be stored: {str(error.orig).splitlines()[0]}.")


def _state(error: DatabaseError) -> str | None:
    """PostgreSQL's five letters for what went wrong."""
    return getattr(error.orig, "sqlstate", None)
