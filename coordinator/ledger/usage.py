"""The record of what was used: one writer, group commits, nothing lost while the process lives."""

import asyncio
import logging
from collections import deque
from concurrent.futures import Executor
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from coordinator.ledger.database import Database
from coordinator.ledger.errors import LedgerError
from coordinator.ledger.tables import usage

log = logging.getLogger("supernet.ledger")

GROUP = 64  # rows of one commit: 64 settles cost about as much as one (one fsync)
BACKLOG = 10_000  # rows that may wait for a disk that does not take them; then no new work is let in
RETRY_S = 1.0


@dataclass(frozen=True)
class UsageRow:
    """One ended job; the columns are those of the table."""

    job: str
    at_ms: int
    account: str
    key: str
    model: str
    worker: str | None
    attempts: int
    finish: str
    prompt: int
    cached: int
    completion: int
    reasoning: int
    price_prompt: int
    price_completion: int
    cost_nano: int
    queued_ms: int
    first_token_ms: int | None
    total_ms: int


def write(database: Database, rows: list[UsageRow]) -> None:
    """Rows of jobs that are recorded already change nothing."""
    with database.transaction() as connection:
        insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
        statement = insert(usage).on_conflict_do_nothing(index_elements=[usage.c.job])
        connection.execute(statement, [row.__dict__ for row in rows])


def read(database: Database) -> list[UsageRow]:
    """All rows, in the order in which they were written."""
    rows = database.query(select(*(column for column in usage.c if column is not usage.c.id)).order_by(usage.c.id))
    return [UsageRow(**row._mapping) for row in rows]


class UsageWriter:
    """Takes rows from the event loop, writes them in the database's thread. `run` must be running."""

    def __init__(self, database: Database, thread: Executor) -> None:
        self._database = database
        self._thread = thread
        self._rows: deque[UsageRow] = deque()
        self._news = asyncio.Event()
        self._written = asyncio.Event()
        self._written.set()
        self.healthy = True  # the last write went well

    @property
    def full(self) -> bool:
        return len(self._rows) >= BACKLOG

    @property
    def backlog(self) -> int:
        """Rows that are not on disk yet."""
        return len(self._rows)

    def lag_s(self, now_s: float) -> float:
        """Age of the oldest of them; `now_s` in Unix seconds."""
        return max(0.0, now_s - self._rows[0].at_ms / 1000) if self._rows else 0.0

    def put(self, row: UsageRow) -> None:
        """Never refuses: the work is done. Whoever lets work in asks `full` first."""
        self._rows.append(row)
        self._written.clear()
        self._news.set()

    async def run(self) -> None:
        """Write until cancelled. A disk that fails is tried again each second."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._rows:
                group = [self._rows[i] for i in range(min(GROUP, len(self._rows)))]
                if await self._write(group):
                    for _ in group:
                        self._rows.popleft()
                else:
                    await asyncio.sleep(RETRY_S)
            self._written.set()

    async def flushed(self, within_s: float) -> bool:
        """Wait until every row is on disk; False if that takes too long."""
        try:
            async with asyncio.timeout(within_s):
                await self._written.wait()
        except TimeoutError:
            log.error("%d usage rows could not be written", len(self._rows))
            return False
        return True

    async def _write(self, group: list[UsageRow]) -> bool:
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, write, self._database, group)
        except (SQLAlchemyError, LedgerError) as error:
            self.healthy = False
            log.error("usage cannot be written, %d rows wait: %s", len(self._rows), error)
            return False
        self.healthy = True
        return True
