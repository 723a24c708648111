"""What each worker earned by day, of which jobs and tokens: the sums of `earnings`, and what a page shows of them.

A job that was paid in two currencies is one job. Tokens are those of the answers that the worker ended.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, case, cast, exists, func, literal, or_, select, union_all

from coordinator.clock import DAY_MS
from coordinator.ledger.day_sums import DaySums
from coordinator.store.advisory import Lock
from coordinator.store.database import Database
from coordinator.store.rollup_tables import earning_days
from coordinator.store.tables import earnings, usage

COUNTED = ("jobs", "prompt", "completion", "units")
MONEY = ("nano", "given")


def by_day(*where: ColumnElement[bool]) -> Select[Any]:
    """The sums of those rows of earnings: account, day, worker, COUNTED, MONEY, and the time of the last."""
    day = _day(earnings.c.at_ms)
    whose = (earnings.c.account, day.label("day"), earnings.c.worker)
    nothing = [literal(0).label(name) for name in COUNTED]
    first = case((_first(), 1), else_=0).label("jobs")
    money = (earnings.c.nano, earnings.c.given, earnings.c.at_ms)
    paid = select(*whose, first, *nothing[1:], *money).where(*where)
    served = (usage.c.prompt, usage.c.completion, func.coalesce(usage.c.units, 0))
    none = (literal(0), literal(0), earnings.c.at_ms)
    done = (
        select(*whose, nothing[0], *served, *none)
        .join(usage, (usage.c.request == earnings.c.job) & (usage.c.worker == earnings.c.worker))
        .where(_first(), *where)
    )
    parts = union_all(paid, done).subquery()
    by = (parts.c.account, parts.c.day, parts.c.worker)
    summed = (func.sum(parts.c[name]).label(name) for name in (*COUNTED, *MONEY))
    return select(*by, *summed, func.max(parts.c.at_ms).label("last_ms")).group_by(*by)


def _day(at_ms: ColumnElement[int]) -> ColumnElement[int]:
    return cast((at_ms - at_ms % DAY_MS) / DAY_MS, Integer)


def _first() -> ColumnElement[bool]:
    """The row of a job and worker that stands for both currencies: `auto` spends spark before sogni."""
    other = earnings.alias()
    same = (other.c.job == earnings.c.job, other.c.worker == earnings.c.worker, other.c.currency == "spark")
    return or_(earnings.c.currency == "spark", ~exists().where(*same))


EARNING_DAYS = DaySums(earnings, earning_days, by_day, Lock.EARNING_DAYS, money="nano", latest=frozenset({"last_ms"}))


@dataclass(frozen=True)
class WorkerDay:
    """What one worker earned on one day (from 1970, UTC), all currencies together, in nano-dollars. `given`: what of it
    was paid with given tokens, and is credit; `escrow` has not matured yet, of which `escrow_given` will be credit."""

    day: int
    worker: str
    jobs: int
    prompt: int
    completion: int
    units: int
    nano: int
    given: int
    escrow: int = 0
    escrow_given: int = 0


def read(database: Database, account: str, day: int, worker: str | None = None) -> list[WorkerDay]:
    """What an account's workers earned since a day, by day and worker, the newest day first; those that are gone too.
    `worker`: the key of the one that is meant."""
    parts = EARNING_DAYS.since(day, [account]).subquery()
    by = (parts.c.day, parts.c.worker)
    names = (*COUNTED, *MONEY)
    wanted = select(*by, *(func.sum(parts.c[name]) for name in names)).group_by(*by)
    wanted = wanted.order_by(parts.c.day.desc(), parts.c.worker)
    if worker is not None:
        wanted = wanted.where(parts.c.worker == worker)
    young = _escrow(database, account, day)
    found = []
    for when, whose, *counts in database.query(wanted):
        escrow, escrow_given = young.get((when, whose), (0, 0))
        counted = dict(zip(names, map(int, counts), strict=True))
        found.append(WorkerDay(when, whose, **counted, escrow=escrow, escrow_given=escrow_given))
    return found


def _escrow(database: Database, account: str, day: int) -> dict[tuple[int, str], tuple[int, int]]:
    """What has not matured, by day and worker: these rows are few, and have an index of their own."""
    at = _day(earnings.c.at_ms)
    young = (earnings.c.account == account, earnings.c.matured_ms.is_(None), earnings.c.at_ms >= day * DAY_MS)
    summed = select(at, earnings.c.worker, func.sum(earnings.c.nano), func.sum(earnings.c.given)).where(*young)
    rows = database.query(summed.group_by(at, earnings.c.worker))
    return {(row[0], row[1]): (int(row[2]), int(row[3])) for row in rows}
