"""How a database is reached: what its address means, and connections to a file or to a server."""

from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from coordinator.store.advisory import Lock
from coordinator.store.errors import StoreError

BUSY_MS = 5000
CONNECT_S = 10
# A machine that is gone, its standby in its place, answers nothing: the kernel would wait for a quarter of an hour, if
# not for two hours.
GONE = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 15_000}
# A transaction takes milliseconds: what waits longer for a lock or an answer is broken.
POSTGRES = "-c lock_timeout=10000 -c statement_timeout=60000 -c idle_in_transaction_session_timeout=60000"


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


def named(url: URL) -> str:
    """The URL for people and logs: without its passwords, wherever in it they stand."""
    return url.difference_update_query(("password", "sslpassword")).render_as_string(hide_password=True)


def sqlite_file(address: str | Path) -> Path | None:
    """The file of a SQLite database; None for another database."""
    url = url_of(address)
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


def sqlite(file: Path) -> Engine:
    """Connections to a file."""
    engine = create_engine(
        URL.create("sqlite", database=str(file.resolve())),
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",  # transactions are begun by hand, as IMMEDIATE
        connect_args={"check_same_thread": False, "timeout": BUSY_MS / 1000},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def postgres(url: URL, serve: bool, shared: bool) -> Engine:
    """Connections to a server, each of which holds the lock of the one server, or shares it with other replicas. Making
    one raises StoreError if the lock is not to be had."""
    engine = create_engine(
        url,
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        connect_args={"autocommit": True, "connect_timeout": CONNECT_S, "options": POSTGRES, **GONE},
    )

    @event.listens_for(engine, "connect")
    def claim(connection: Any, _: object) -> None:
        lock = "pg_try_advisory_lock_shared" if shared else "pg_try_advisory_lock"
        if serve and not connection.execute(f"SELECT {lock}({Lock.SERVER})").fetchone()[0]:
            connection.close()
            alone = ", and not as one of several replicas" if shared else ""
            raise StoreError(f"another coordinator is running with this database{alone} (its advisory lock is held)")

    return engine
