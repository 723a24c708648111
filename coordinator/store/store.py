"""The database from the event loop: its blocking work runs in one thread."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

from coordinator.store.database import Database
from coordinator.store.errors import Unavailable

ANSWER_S = 10.0  # what is asked takes milliseconds

P = ParamSpec("P")
T = TypeVar("T")


class Store:
    """A database and the thread that works on it. Leave it before the database is closed: what runs ends first."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._thread = ThreadPoolExecutor(1, "database")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._thread.shutdown()

    async def run(self, work: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do `work(database, ...)` in the database's thread, after the calls before; return or raise what it does.

        What it raises is a StoreError if it is one of ours. A caller that gives up waiting does not stop it.
        """
        call = partial(work, self.database, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    async def ask(self, work: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`run` for a client, who does not wait for a database that stands still: Unavailable after ANSWER_S."""
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self.run(work, *args, **kwargs)
        except TimeoutError:
            raise Unavailable("the database has not answered for a while") from None
