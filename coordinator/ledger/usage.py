"""What was used: the rows, and their sums by day, model and key."""

from dataclasses import dataclass

from sqlalchemy import func, select

from coordinator.clock import DAY_MS
from coordinator.ledger.orders import UsageRow
from coordinator.ledger.usage_days import USAGE_DAYS
from coordinator.store.database import Database
from coordinator.store.tables import usage


@dataclass(frozen=True)
class UsageSum:
    """What one key used of one model on one day.

    `day` counts from the first of January 1970, UTC.
    """

    day: int
    model: str
    key: str
    requests: int
    prompt: int
    cached: int
    completion: int
    reasoning: int
    cost_nano: int
    units: int = 0  # of what was made; 0 of a model that chats


def read(database: Database) -> list[UsageRow]:
    """All rows, in the order in which they were written."""
    rows = database.query(select(*(column for column in usage.c if column is not usage.c.id)).order_by(usage.c.id))
    return [UsageRow(**row._mapping) for row in rows]


def sums(database: Database, account: str, since_ms: int) -> list[UsageSum]:
    """What one account used from the day (UTC) of `since_ms` on, by day, model and key, the newest day first."""
    parts = USAGE_DAYS.since(since_ms // DAY_MS, [account]).subquery()
    by = (parts.c.day, parts.c.model, parts.c.key)
    counted = ("requests", "prompt", "cached", "completion", "reasoning", "cost_nano", "units")
    statement = select(*by, *(func.sum(parts.c[name]) for name in counted)).group_by(*by)
    ordered = statement.order_by(parts.c.day.desc(), parts.c.model, parts.c.key)
    return [UsageSum(row[0], row[1], row[2], *(int(value) for value in row[3:])) for row in database.query(ordered)]
