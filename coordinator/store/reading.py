"""A second connection to the database that only reads, on a thread of its own: for what may take long.

What is asked of the store waits in the thread that books everybody's money, so it has to take milliseconds. Sums over
all accounts or all usage take longer, and one that takes too long is broken off.
"""

import asyncio
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Select
from sqlalchemy.exc import DatabaseError

from coordinator.store.database import Database
from coordinator.store.engines import named, postgres, sqlite, sqlite_file, url_of
from coordinator.store.errors import Busy, StoreError, Unavailable
from coordinator.store.replicas import Identity

log = logging.getLogger("supernet.store")

ANSWER_S = 10.0
CANCEL_S = 1.0  # for PostgreSQL to say that it has been told
MOST_WAITING = 64  # questions in the line: each waits for those before
MOST_OF_ONE = 8  # of one who asks: more than a page has

P = ParamSpec("P")
T = TypeVar("T")


class Reading(Database):
    """Another connection of this process to the database of `first`, which stays open meanwhile. It takes no locks, as
    SQLite reads beside its one writer, and it can be broken off from another thread."""

    def __init__(self, first: Database) -> None:
        self.address, self.name = first.address, first.name
        self.shared, self.identity = False, Identity()
        self._exclusive, self._along, self._before, self._moved_to = nullcontext, None, None, None
        self._stopped = False
        file = sqlite_file(self.address)
        engine = postgres(url_of(self.address), False, False) if file is None else sqlite(file)
        with ExitStack() as opened:
            try:
                self._connection = engine.connect()
                opened.callback(self._connection.close)
                if file is not None:
                    self._connection.exec_driver_sql("PRAGMA query_only=ON")
            except DatabaseError as error:
                raise Unavailable(f"{named(url_of(self.address))} cannot be read: {error.orig}") from None
            self._opened = opened.pop_all()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        raise StoreError("this connection only reads")
        yield self._connection

    def query(self, select: Select[Any]) -> Sequence[Any]:
        if self._stopped:
            raise Unavailable("this took too long, and was broken off")
        return super().query(select)

    def stop(self) -> None:
        """Break off what runs, from any thread: it raises Unavailable, and so does all that comes after."""
        self._stopped = True
        driver: Any = self._connection.connection.driver_connection
        if hasattr(driver, "interrupt"):
            with suppress(Exception):  # of a connection that has just ended: then there is nothing to stop
                driver.interrupt()
        else:
            threading.Thread(target=_cancel, args=(driver,), name="break off", daemon=True).start()


def _cancel(driver: Any) -> None:
    """Ask PostgreSQL to end what this connection has it do; where it does not answer, end the connection.

    It blocks, so it is for a thread of its own. `driver.cancel` lets no other thread run meanwhile: where PostgreSQL
    stood still, so did the whole replica (psycopg 3.3).
    """
    import psycopg  # here, as a coordinator with SQLite does without it, and it takes an eighth of a second

    try:
        driver.cancel_safe(timeout=CANCEL_S)
    except (psycopg.Error, OSError):
        with suppress(psycopg.Error, OSError), socket.socket(fileno=os.dup(driver.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)


@dataclass
class _Turn:
    """The questions of one who asks: one at a time is put to the database."""

    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0


class Reader:
    """Asks the database beside the store. Its connection is made when it is first needed.

    Whoever has many questions has one of them in the line, so that those of others come in between: nobody's slow
    pages are all that is read.
    """

    def __init__(self, database: Database) -> None:
        self._first = database
        self._thread = ThreadPoolExecutor(1, "reading")
        self._reading: Reading | None = None
        self._turns: dict[str, _Turn] = {}
        self._waiting = 0  # in the line
        self._running: object = None  # the question that the thread is at; it changes under the lock
        self._lock = threading.Lock()

    async def ask(
        self, whose: str, work: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """`work(database, ...)`, after the questions before; return or raise what it does. Raises Busy where too many
        of `whose` wait, Unavailable where too many do in all, or it takes longer than ANSWER_S."""
        turn = self._turns.setdefault(whose, _Turn())
        if turn.waiting >= MOST_OF_ONE:
            raise Busy("too many questions of yours wait for the database")
        turn.waiting += 1
        try:
            async with asyncio.timeout(ANSWER_S):
                await turn.asking.acquire()
        except TimeoutError:
            raise Busy("your questions before take too long") from None
        else:
            try:
                return await self._in_line(lambda reading: work(reading, *args, **kwargs))
            finally:
                turn.asking.release()
        finally:
            turn.waiting -= 1
            if not turn.waiting:
                self._turns.pop(whose, None)

    async def _in_line(self, work: Callable[[Database], T]) -> T:
        if self._waiting >= MOST_WAITING:
            raise Unavailable("too many questions wait for the database")
        self._waiting += 1
        try:
            async with asyncio.timeout(ANSWER_S):
                return await asyncio.get_running_loop().run_in_executor(self._thread, self._ask, work)
        except TimeoutError:
            with self._lock:  # what runs may be another's question by now
                if self._running is work and self._reading is not None:
                    self._reading.stop()
            raise Unavailable("this took too long, and was broken off") from None
        finally:
            self._waiting -= 1

    def _ask(self, work: Callable[[Database], T]) -> T:
        reading = self._reading
        if reading is None or reading._stopped or reading.name != self._first.name:
            if reading is not None:
                reading.close()
            reading = self._reading = None
            reading = self._reading = Reading(self._first)
        with self._lock:
            self._running = work
        try:
            return work(reading)
        except Unavailable:
            reading._stopped = True  # a connection that failed is made anew the next time
            raise
        finally:
            with self._lock:
                self._running = None

    def close(self) -> None:
        """End it, and whatever it is at."""
        if self._reading is not None:
            self._reading.stop()
        self._thread.shutdown()
        if self._reading is not None:
            self._reading.close()
