"""Who uses the network, and who serves it: sums over all accounts at once, for the command line."""

from typing import Any

from sqlalchemy import Select, func, select

from coordinator.clock import DAY_MS
from coordinator.ledger.usage_days import USAGE_DAYS
from coordinator.operating.accounts import SEEN
from coordinator.operating.worker_money import totals
from coordinator.store.database import Database
from coordinator.store.tables import accounts


def used_since(database: Database, since_ms: int) -> dict[str, tuple[int, int]]:
    """Choices of requests that ended from the day (UTC) of `since_ms` on, and their cost in nano-dollars."""
    days = USAGE_DAYS.since(since_ms // DAY_MS).subquery()
    summed: Select[Any] = select(days.c.account, func.sum(days.c.requests), func.sum(days.c.cost_nano))
    return {row[0]: (int(row[1]), int(row[2])) for row in database.query(summed.group_by(days.c.account))}


def last_seen(database: Database) -> dict[str, int]:
    """When the last request of each account ended, of those that ever asked for something (Unix milliseconds)."""
    rows: Any = database.query(select(accounts.c.id, SEEN).where(SEEN > 0))
    return {row[0]: int(row[1]) for row in rows}


def worker_keys(database: Database) -> list[str]:
    """The keys of all workers that have ever earned."""
    return list(totals(database))
