"""The lock files beside a SQLite database.

SQLite up to the version that Python ships here (3.40) can corrupt a file in WAL mode when two connections write or
checkpoint at the same instant (the WAL-reset bug), and the CLI may write while the server runs. So every transaction,
and the checkpoints that commits and closes bring along, happen under one lock file that both take: never at the same
instant. A second lock file, held for life, keeps a second server away.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from coordinator.store.errors import LedgerError, Unavailable

LOCK_S = 10.0  # a transaction takes milliseconds: whoever holds the lock longer is broken
POLL_S = 0.005


class FileLocks:
    """Of one database file, which is made if it is not there. Raises OSError and LedgerError."""

    def __init__(self, database: Path, *, serve: bool) -> None:
        self._database = database
        database.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(database, os.O_CREAT | os.O_RDWR, 0o600))
        with ExitStack() as opened:
            self._writing = opened.enter_context(database.with_name(database.name + ".write-lock").open("w"))
            if serve:
                serving = opened.enter_context(database.with_name(database.name + ".server-lock").open("w"))
                try:
                    fcntl.flock(serving, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    message = f"another coordinator is running with this database ({serving.name} is held)"
                    raise LedgerError(message) from None
            self._opened = opened.pop_all()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """No other process writes inside of the block."""
        deadline = time.monotonic() + LOCK_S
        while True:
            try:
                fcntl.flock(self._writing, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    message = f"{self._database} has been locked for {LOCK_S:.0f} s by another process"
                    raise Unavailable(message) from None
                time.sleep(POLL_S)
        try:
            yield
        finally:
            fcntl.flock(self._writing, fcntl.LOCK_UN)

    def close(self) -> None:
        self._opened.close()
