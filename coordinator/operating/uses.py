"""Who uses the network, and who serves it: sums over all accounts at once, for the command line."""

from typing import Any

from sqlalchemy import Select, func, select

from coordinator.operating.accounts import SEEN
from coordinator.store.database import Database
from coordinator.store.tables import accounts, earnings, usage


def used_since(database: Database, since_ms: int) -> dict[str, tuple[int, int]]:
    """Choices of requests that ended since then, and their cost in nano-dollars, by account. It reads all of them."""
    by = usage.c.account
    summed: Select[Any] = select(by, func.count(), func.sum(usage.c.cost_nano))
    rows = database.query(summed.where(usage.c.at_ms >= since_ms).group_by(by))
    return {row[0]: (int(row[1]), int(row[2])) for row in rows}


def last_seen(database: Database) -> dict[str, int]:
    """When the last request of each account ended, of those that ever asked for something (Unix milliseconds)."""
    rows: Any = database.query(select(accounts.c.id, SEEN).where(SEEN > 0))
    return {row[0]: int(row[1]) for row in rows}


def worker_keys(database: Database) -> list[str]:
    """The keys of all workers that have ever earned."""
    found: Any = select(earnings.c.worker).distinct()
    return [row[0] for row in database.query(found)]
