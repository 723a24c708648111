"""What is read of the history. Each is one query along the key of the table, or reads a day of a worker's row."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select

from coordinator.history.figures import ALL, HOUR_MS, MASKS, MOST
from coordinator.store.database import Database
from coordinator.store.history_tables import BUCKETS, HISTOGRAMS, SUMS, history, history_workers

Row = dict[str, int]  # column -> sum
DEMAND = ("requests", "prompt", "completion", "units", "no_worker", "turned_away", "gave_up")
COLUMNS = (*SUMS, MOST, *(f"{name}_{bucket}" for name in HISTOGRAMS for bucket in range(BUCKETS)))


def totals(
    database: Database, models: Sequence[str], since_ms: int, columns: Sequence[str] = COLUMNS
) -> dict[str, Row]:
    """The sums of each of the models since an hour began; of one without rows there is none."""
    mine = history.c.step == HOUR_MS, history.c.model.in_(models), history.c.at_ms >= since_ms
    summed = select(history.c.model, *map(_summed, columns)).where(*mine).group_by(history.c.model)
    return {row[0]: _named(columns, row[1:]) for row in database.query(summed)}


def series(database: Database, model: str, step: int, since_ms: int, every_ms: int) -> dict[int, Row]:
    """The sums of each `every_ms` of one model, from rows of `step`, by the beginning of that time."""
    at = history.c.at_ms - history.c.at_ms % every_ms
    mine = history.c.step == step, history.c.model == model, history.c.at_ms >= since_ms
    summed = select(at, *map(_summed, COLUMNS)).where(*mine).group_by(at)
    return {int(row[0]): _named(COLUMNS, row[1:]) for row in database.query(summed)}


def masks(database: Database, models: Sequence[str], since_ms: int) -> dict[str, dict[str, dict[int, int]]]:
    """Model -> `up` and `measured` -> the beginning of each hour -> its minutes."""
    mine = history.c.step == HOUR_MS, history.c.model.in_(models), history.c.at_ms >= since_ms
    wanted = select(history.c.model, history.c.at_ms, *(history.c[name] for name in MASKS)).where(*mine)
    found: dict[str, dict[str, dict[int, int]]] = {model: {name: {} for name in MASKS} for model in models}
    for row in database.query(wanted):
        for name in MASKS:
            found[row.model][name][row.at_ms] = getattr(row, name)
    return found


def began(database: Database) -> dict[int, int]:
    """The minutes of the first hour of which there is a history; empty: there is none."""
    mine = history.c.step == HOUR_MS, history.c.model == ALL, history.c.measured > 0
    first = select(history.c.at_ms, history.c.measured).where(*mine).order_by(history.c.at_ms).limit(1)
    return {row.at_ms: row.measured for row in database.query(first)}


def worker_days(database: Database, worker: str, since_day: int) -> list[dict[str, Any]]:
    """The rows of one worker, account/worker, the first day first."""
    mine = history_workers.c.worker == worker, history_workers.c.day >= since_day
    rows = database.query(select(history_workers).where(*mine).order_by(history_workers.c.day))
    return [dict(row._mapping) for row in rows]


def _summed(name: str) -> Any:
    return func.max(history.c[name]) if name == MOST else func.sum(history.c[name])


def _named(columns: Sequence[str], values: Sequence[Any]) -> Row:
    return {name: int(value or 0) for name, value in zip(columns, values, strict=True)}
