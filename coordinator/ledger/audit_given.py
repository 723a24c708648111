"""Has any given token become money, but by the operator's budget? As `audit.py`: queries that find what breaks it."""

from typing import Any

from sqlalchemy import ColumnElement, Integer, Subquery, and_, case, cast, func, or_, select

from coordinator.clock import DAY_MS
from coordinator.ledger.orders import Kind
from coordinator.ledger.pricing import CURRENCIES, decimal
from coordinator.store.database import Database
from coordinator.store.tables import balances, earnings, entries, holds, journals, promotion_days

PAID_IN: tuple[Kind, ...] = ("deposits", "funded", "earned", "revenue")


def check_given(database: Database, shown: int) -> list[str]:
    """What is wrong, one sentence each, at most `shown` of a kind. Raises StoreError."""
    return [
        *_paid_in(database),
        *_shares(database, shown),
        *_matured(database, shown),
        *_promoted(database, shown),
    ]


def _paid_in(database: Database) -> list[str]:
    """All that was paid in and not paid out is somewhere, and nothing else is counted as such."""
    found = []
    for currency in CURRENCIES:
        kept = select(func.sum(balances.c.nano)).where(balances.c.currency == currency, balances.c.kind.in_(PAID_IN))
        held = select(func.sum(holds.c[f"{currency}_funded"])).where(holds.c.state == "held")
        waiting = (earnings.c.currency == currency, earnings.c.matured_ms.is_(None))
        escrow = select(func.sum(earnings.c.nano - earnings.c.given)).where(*waiting)
        nano = sum(int(database.query(each)[0][0] or 0) for each in (kept, held, escrow))
        if nano > 0:
            found.append(f"${decimal(nano)} in {currency} count as paid in, and were given")
        elif nano:
            found.append(f"${decimal(-nano)} in {currency} were paid in, and count as given")
    return found


def _shares(database: Database, shown: int) -> list[str]:
    """What workers earned with a job and may be paid out is no more than what its client paid of paid-in tokens."""
    earned = (
        select(
            earnings.c.job,
            earnings.c.currency,
            holds.c.account,
            func.sum(earnings.c.nano - earnings.c.given).label("nano"),
        )
        .join(holds, holds.c.job == earnings.c.job)
        .where(holds.c.spark_funded.is_not(None), earnings.c.given < earnings.c.nano)
        .group_by(earnings.c.job, earnings.c.currency, holds.c.account)
        .subquery()
    )
    paid = (
        select(func.coalesce(-func.sum(entries.c.nano), 0))
        .where(entries.c.owner == earned.c.account, entries.c.currency == earned.c.currency)
        .where(entries.c.kind == "funded", entries.c.journal.in_(["hold:" + earned.c.job, "settle:" + earned.c.job]))
        .correlate(earned)
        .scalar_subquery()
    )
    odd = select(earned.c.job, earned.c.currency, earned.c.nano, paid).where(earned.c.nano > paid).limit(shown)
    return [f"job {job} earned {nano} {c} as money, and {was} were paid" for job, c, nano, was in database.query(odd)]


def _matured(database: Database, shown: int) -> list[str]:
    """Earnings and credit came from nothing but jobs: as much as those of its account that have matured."""
    ripe: dict[Kind, ColumnElement[Any]] = {"earned": earnings.c.nano - earnings.c.given, "credit": earnings.c.given}
    by = (earnings.c.account, earnings.c.currency)
    found = []
    for kind, part in ripe.items():
        worth = select(*by, func.sum(part).label("nano")).where(earnings.c.matured_ms.is_not(None)).group_by(*by)
        odd = _unlike(_booked(kind), worth.subquery())
        rows = database.query(odd.limit(shown))
        found += [f"{a} was booked {nano} {c} as {kind}, its jobs say {worth}" for a, c, nano, worth in rows]
        strange = [entries.c.kind == kind, entries.c.nano > 0, entries.c.journal.not_like("mature:%")]
        known = ("promote:%", "payout-back:%") if kind == "earned" else ()
        strange += [entries.c.journal.not_like(name) for name in known]
        rows = database.query(select(entries.c.journal, entries.c.owner, entries.c.nano).where(*strange).limit(shown))
        found += [f"journal {name} gives {owner} {nano} as {kind}" for name, owner, nano in rows]
    return found


def _booked(kind: Kind) -> Subquery:
    by = (entries.c.owner, entries.c.currency)
    among = (entries.c.kind == kind, entries.c.journal.like("mature:%"))
    return select(*by, func.sum(entries.c.nano).label("nano")).where(*among).group_by(*by).subquery()


def _unlike(booked: Subquery, worth: Subquery) -> Any:
    same = and_(booked.c.owner == worth.c.account, booked.c.currency == worth.c.currency)
    return (
        select(worth.c.account, worth.c.currency, func.coalesce(booked.c.nano, 0), worth.c.nano)
        .outerjoin(booked, same)
        .where(func.coalesce(booked.c.nano, 0) != worth.c.nano)
    )


def _promoted(database: Database, shown: int) -> list[str]:
    """Of a day's promotion budget no more was paid out than it had, to all and to each account."""
    day = cast((journals.c.at_ms - journals.c.at_ms % DAY_MS) / DAY_MS, Integer).label("day")
    paid = (
        select(day, entries.c.owner, func.sum(entries.c.nano).label("nano"))
        .join(entries, entries.c.journal == journals.c.id)
        .where(journals.c.id.like("promote:%"), entries.c.kind == "earned")
        .group_by(day, entries.c.owner)
        .subquery()
    )
    whole = select(paid.c.day, func.sum(paid.c.nano).label("nano")).group_by(paid.c.day).subquery()
    bound = promotion_days.c
    over = (
        select(whole.c.day, whole.c.nano, func.coalesce(bound.nano, 0))
        .outerjoin(promotion_days, bound.day == whole.c.day)
        .where(or_(bound.day.is_(None), whole.c.nano > bound.nano))
    )
    found = [
        f"on day {day} promotions of {nano} were paid out, and its budget was {most}"
        for day, nano, most in database.query(over.limit(shown))
    ]
    each = case((bound.day.is_(None), 0), else_=bound.account_nano)
    greedy = (
        select(paid.c.day, paid.c.owner, paid.c.nano, each)
        .outerjoin(promotion_days, bound.day == paid.c.day)
        .where(paid.c.nano > each)
    )
    rows = database.query(greedy.limit(shown))
    return found + [
        f"on day {day} {who} got promotions of {nano}, and {most} was its part" for day, who, nano, most in rows
    ]
