"""Earnings wait in escrow, then they are the owner's; and what is theirs in all."""

from dataclasses import dataclass

from sqlalchemy import Connection, case, func, select, update

from coordinator.ledger.commit import apply
from coordinator.ledger.orders import Purse, Transfer
from coordinator.store.database import Database
from coordinator.store.tables import balances, earnings

BATCH = 1000  # earnings of one transaction


@dataclass(frozen=True)
class Terms:
    """How long an earning waits: so many seconds, and until its account has earned with so many jobs."""

    seconds: float
    jobs: int


def mature(database: Database, terms: Terms, at_ms: int) -> int:
    """Release what has waited long enough. How many earnings that were; call again while there were any."""
    with database.transaction() as connection:
        due = _due(connection, terms, at_ms)
        totals: dict[tuple[str, str], list[int]] = {}
        for number, account, currency, nano in due:
            totals.setdefault((account, currency), []).append(nano)
            last = number
        orders = [
            Transfer(
                f"mature:{account}:{currency}:{last}",
                Purse(account, currency, "escrow"),  # type: ignore[arg-type]
                Purse(account, currency, "earned"),  # type: ignore[arg-type]
                sum(amounts),
                at_ms,
            )
            for (account, currency), amounts in totals.items()
        ]
        apply(connection, orders)
        if due:
            ids = [row[0] for row in due]
            connection.execute(update(earnings).where(earnings.c.id.in_(ids)).values(matured_ms=at_ms))
    return len(due)


def _due(connection: Connection, terms: Terms, at_ms: int) -> list[tuple[int, str, str, int]]:
    old = earnings.c.at_ms <= at_ms - round(terms.seconds * 1000)
    statement = select(earnings.c.id, earnings.c.account, earnings.c.currency, earnings.c.nano)
    statement = statement.where(earnings.c.matured_ms.is_(None), old).order_by(earnings.c.id).limit(BATCH)
    if terms.jobs > 1:
        jobs = func.count(earnings.c.job.distinct()) >= terms.jobs
        proven = select(earnings.c.account).group_by(earnings.c.account).having(jobs)
        statement = statement.where(earnings.c.account.in_(proven))
    return [(row[0], row[1], row[2], row[3]) for row in connection.execute(statement).all()]


@dataclass(frozen=True)
class Earned:
    """Nano-dollars, all currencies together."""

    escrow: int
    available: int
    today: int


def earned(database: Database, accounts: list[str], since_ms: int) -> dict[str, Earned]:
    """Of each account; `today`: earned since then, whatever has become of it."""
    purses = select(balances.c.owner, balances.c.kind, func.sum(balances.c.nano))
    purses = purses.where(balances.c.owner.in_(accounts), balances.c.kind.in_(("escrow", "earned")))
    have = {(row[0], row[1]): int(row[2]) for row in database.query(purses.group_by(balances.c.owner, balances.c.kind))}
    recent = select(earnings.c.account, func.sum(earnings.c.nano))
    recent = recent.where(earnings.c.account.in_(accounts), earnings.c.at_ms >= since_ms).group_by(earnings.c.account)
    today = {row[0]: int(row[1]) for row in database.query(recent)}
    return {
        account: Earned(have.get((account, "escrow"), 0), have.get((account, "earned"), 0), today.get(account, 0))
        for account in accounts
    }


@dataclass(frozen=True)
class WorkerRow:
    """What one worker has done and earned; `last_ms`: with its last job. Nano-dollars, all currencies together."""

    worker: str
    account: str
    jobs: int
    earned_nano: int
    escrow_nano: int
    last_ms: int


def workers(database: Database) -> list[WorkerRow]:
    """Of every worker that has earned, the last one first."""
    last = func.max(earnings.c.at_ms)
    fresh = case((earnings.c.matured_ms.is_(None), earnings.c.nano), else_=0)
    done = (func.count(earnings.c.job.distinct()), func.sum(earnings.c.nano), func.sum(fresh), last)
    by = (earnings.c.worker, earnings.c.account)
    rows = database.query(select(*by, *done).group_by(*by).order_by(last.desc(), earnings.c.worker))
    return [WorkerRow(row[0], row[1], *(int(value) for value in row[2:])) for row in rows]


def earned_by(database: Database, account: str, worker: str) -> tuple[int, int]:
    """What one worker of the account has earned since it was first seen, and how much of that is not yet matured.
    Nano-dollars, all currencies together."""
    mine = (earnings.c.account == account, earnings.c.worker == worker)
    fresh = case((earnings.c.matured_ms.is_(None), earnings.c.nano), else_=0)
    ((whole, young),) = database.query(select(func.sum(earnings.c.nano), func.sum(fresh)).where(*mine))
    return int(whole or 0), int(young or 0)
