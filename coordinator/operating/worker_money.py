"""What workers have earned, for lists of them. Nano-dollars, all currencies together."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, select, union_all

from coordinator.ledger.earning_days import EARNING_DAYS
from coordinator.store.database import Database
from coordinator.store.rollup_tables import earning_days
from coordinator.store.tables import earnings

_BY_WORKER: Select[Any] = select(earnings.c.worker, func.sum(earnings.c.nano)).group_by(earnings.c.worker)


def earned_of(database: Database, workers: Sequence[str]) -> dict[str, int]:
    """Those of the workers (their keys) that have earned, and how much."""
    rows = database.query(_BY_WORKER.where(earnings.c.worker.in_(workers)))
    return {row[0]: int(row[1]) for row in rows}


def totals(database: Database) -> dict[str, int]:
    """Of every worker that has earned: the sums by day, and the rows behind them (EARNING_DAYS.counted_until)."""
    summed = select(earning_days.c.worker, earning_days.c.nano)
    behind = select(earnings.c.worker, earnings.c.nano).where(*EARNING_DAYS.behind())
    both = union_all(summed, behind).subquery()
    whole: Select[Any] = select(both.c.worker, func.sum(both.c.nano)).group_by(both.c.worker)
    return {row[0]: int(row[1]) for row in database.query(whole)}
