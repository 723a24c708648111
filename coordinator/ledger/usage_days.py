"""What each key used of each model, by day: the sums of `usage`."""

from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, cast, func, select

from coordinator.clock import DAY_MS
from coordinator.ledger.day_sums import DaySums
from coordinator.store.advisory import Lock
from coordinator.store.rollup_tables import usage_days
from coordinator.store.tables import usage

SUMMED = ("prompt", "cached", "completion", "reasoning", "cost_nano", "units")


def by_day(*where: ColumnElement[bool]) -> Select[Any]:
    """The sums of those rows of usage: account, day, model, key, requests, and SUMMED."""
    day = cast((usage.c.at_ms - usage.c.at_ms % DAY_MS) / DAY_MS, Integer)
    by = (usage.c.account, day, usage.c.model, usage.c.key)
    counted = (func.sum(func.coalesce(usage.c[name], 0)).label(name) for name in SUMMED)
    named = (usage.c.account, day.label("day"), usage.c.model, usage.c.key, func.count().label("requests"))
    return select(*named, *counted).where(*where).group_by(*by)


USAGE_DAYS = DaySums(usage, usage_days, by_day, Lock.USAGE_DAYS, money="cost_nano")
