"""Are the sums by day those of the rows that they say they have? As `audit.py`: queries that find what breaks it."""

from sqlalchemy import and_, func, null, or_, select

from coordinator.ledger.day_sums import DaySums
from coordinator.ledger.earning_days import EARNING_DAYS
from coordinator.ledger.usage_days import USAGE_DAYS
from coordinator.store.database import Database


def check_days(database: Database, shown: int) -> list[str]:
    """What is wrong, one sentence each, at most `shown` of a kind. Raises StoreError."""
    return [sentence for days in (USAGE_DAYS, EARNING_DAYS) for sentence in _unlike(database, days, shown)]


def _unlike(database: Database, days: DaySums, shown: int) -> list[str]:
    sums, rows = days.sums, days.by_day(days.rows.c.id <= days.rolled).subquery()
    by = [column.name for column in sums.primary_key]
    counted = [column.name for column in sums.c if column.name not in by]
    same = and_(*(sums.c[name] == rows.c[name] for name in by))
    odd = (
        select(*(sums.c[name] for name in by), sums.c[days.money], rows.c[days.money])
        .outerjoin(rows, same)
        .where(or_(*(sums.c[name] != func.coalesce(rows.c[name], 0) for name in counted)))
    )
    lost = select(*(rows.c[name] for name in by), null(), rows.c[days.money]).outerjoin(sums, same)
    return [
        f"{sums.name}: {' '.join(str(each) for each in which)} is kept as {kept or 0}, its rows say {said or 0}"
        for statement in (odd, lost.where(sums.c[by[0]].is_(None)))
        for *which, kept, said in database.query(statement.limit(shown))
    ]
