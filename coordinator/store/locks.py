"""The lock files beside a SQLite database.

SQLite up to the version that Python ships here (3.40) can corrupt a file in WAL mode when two connections write or
checkpoint at the same instant (the WAL-reset bug), and the CLI may write while the server runs. So every transaction,
and the checkpoints that commits and closes bring along, happen under one lock file that both take: never at the same
instant. A second lock file, held for life, keeps a second server away.

A file can have many names, and a lock beside one says nothing to who comes by another. So links are followed first, a
file with a second hard link is refused (SQLite would keep a log beside each name), and a server locks the file itself
too, with flock, which SQLite's own locks (fcntl's) do not meet: that holds for a file mounted elsewhere as well.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from coordinator.store.errors import StoreError, Unavailable

LOCK_S = 10.0  # a transaction takes milliseconds: a process that holds the lock longer is broken
POLL_S = 0.005
OPENING_S = 2.0  # a process that opens the file looks for less than that whether a server has it


class FileLocks:
    """The locks of one SQLite file, which is made if it is missing. Raises OSError and StoreError."""

    def __init__(self, database: Path, *, serve: bool) -> None:
        self._database = database = database.resolve()
        database.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as opened:
            self._writing = opened.enter_context(database.with_name(database.name + ".write-lock").open("w"))
            with ExitStack() as claimed:
                self._claim(claimed, serve)
                if serve:  # for life; else no file is left open: to close one later would drop SQLite's own locks
                    opened.push(claimed.pop_all())
            self._opened = opened.pop_all()

    def _claim(self, claimed: ExitStack, serve: bool) -> None:
        """Be the one server, or see that the one that runs knows the file by this name. Raises StoreError."""
        database = self._database
        serving = claimed.enter_context(database.with_name(database.name + ".server-lock").open("a"))
        if serve and not _flock(serving.fileno(), fcntl.LOCK_EX):
            raise StoreError(f"another coordinator is running with this database ({serving.name} is held)")
        file = os.open(database, os.O_CREAT | os.O_RDWR, 0o600)
        claimed.callback(os.close, file)
        if (names := _names(file)) > 1:
            raise StoreError(f"{database} has {names} names (hard links), and only one is safe: remove the others")
        if serve and not _flock(file, fcntl.LOCK_EX, OPENING_S):
            raise StoreError(f"another coordinator is running with this database: it has {database} by another name")
        if not serve and not _flock(file, fcntl.LOCK_SH) and _flock(serving.fileno(), fcntl.LOCK_SH):
            raise StoreError(f"a coordinator is running that has {database} by another name: give it by that one")

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep other processes from writing while the block runs."""
        if not _flock(self._writing.fileno(), fcntl.LOCK_EX, LOCK_S):
            raise Unavailable(f"{self._database} has been locked for {LOCK_S:.0f} s by another process")
        try:
            yield
        finally:
            fcntl.flock(self._writing, fcntl.LOCK_UN)

    def close(self) -> None:
        self._opened.close()


def _names(file: int) -> int:
    return os.fstat(file).st_nlink


def _flock(file: int, kind: int, within_s: float = 0.0) -> bool:
    """Whether the lock was to be had in so many seconds."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL_S)
