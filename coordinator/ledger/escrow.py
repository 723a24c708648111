"""What workers earn: it waits in escrow, matures, and then is the owner's: as earnings what was paid in, as credit what
was paid with given tokens."""

from dataclasses import dataclass

from sqlalchemy import Connection, case, func, select, update

from coordinator.ledger.commit import apply
from coordinator.ledger.earning_days import EARNING_DAYS
from coordinator.ledger.errors import LedgerError
from coordinator.ledger.orders import Done, Kind, SubAccount, Transfer
from coordinator.ledger.pricing import Currency
from coordinator.store.advisory import Lock, free
from coordinator.store.database import Database
from coordinator.store.tables import balances, earnings

BATCH = 200  # earnings of one transaction: each may be of another account, and is then four rows in the books


@dataclass(frozen=True)
class Terms:
    """When an earning matures: after `seconds`, and not before its account has earned with `jobs` jobs."""

    seconds: float
    jobs: int


def mature(database: Database, terms: Terms, at_ms: int) -> int:
    """Release what has waited long enough, at most BATCH earnings. Returns how many; call again until it is none: there
    is none either where another replica is at it. Raises LedgerError if there is less in escrow than the earnings say.
    """
    return database.transact(lambda connection: _mature(connection, terms, at_ms))


def _mature(connection: Connection, terms: Terms, at_ms: int) -> int:
    if not free(connection, Lock.MATURE):
        return 0
    due = _due(connection, terms, at_ms)
    totals: dict[tuple[str, Currency, Kind], int] = {}
    for number, account, currency, nano, given in due:
        parts: dict[Kind, int] = {"earned": nano - given, "credit": given}
        for kind, part in parts.items():
            totals[account, currency, kind] = totals.get((account, currency, kind), 0) + part
        last = number
    orders = [
        Transfer(
            f"mature:{account}:{currency}:{kind}:{last}",
            SubAccount(account, currency, "escrow"),
            SubAccount(account, currency, kind),
            nano,
            at_ms,
        )
        for (account, currency, kind), nano in totals.items()
        if nano
    ]
    for order, answer in zip(orders, apply(connection, orders), strict=True):
        if answer != Done():
            raise LedgerError(f"{order.id} is worth {order.nano}, and was not booked: {answer}")
    if due:
        ids = [row[0] for row in due]
        connection.execute(update(earnings).where(earnings.c.id.in_(ids)).values(matured_ms=at_ms))
    return len(due)


def _due(connection: Connection, terms: Terms, at_ms: int) -> list[tuple[int, str, Currency, int, int]]:
    """What is old enough, of accounts that have earned often enough; an index has what has not matured, by its time."""
    old = (earnings.c.matured_ms.is_(None), earnings.c.at_ms <= at_ms - round(terms.seconds * 1000))
    statement = select(*(earnings.c[name] for name in ("id", "account", "currency", "nano", "given"))).where(*old)
    if terms.jobs > 1:
        waiting = select(earnings.c.account).where(*old).distinct().subquery()
        # No further than to the job that makes it enough: an account may have millions. And counted, as SQLite 3.40
        # leaves out DISTINCT in EXISTS and OFFSET in a scalar subquery.
        other = earnings.alias()
        jobs = select(other.c.job).where(other.c.account == waiting.c.account).correlate(waiting).distinct()
        first = jobs.limit(terms.jobs).subquery()
        often = select(func.count()).select_from(first).scalar_subquery() >= terms.jobs
        statement = statement.where(earnings.c.account.in_(select(waiting.c.account).where(often)))
    rows = connection.execute(statement.order_by(earnings.c.at_ms, earnings.c.id).limit(BATCH)).all()
    return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]


@dataclass(frozen=True)
class Earned:
    """What an account has of its earnings: nano-dollars, all currencies together. `available`: to be paid out or spent,
    `credit`: to be spent."""

    escrow: int
    available: int
    credit: int
    today: int


def earned(database: Database, accounts: list[str], today: int) -> dict[str, Earned]:
    """What each of the accounts has of its earnings. `today`: the day (from 1970, UTC) of which is told all that it
    earned since it began, spent or not."""
    kept = select(balances.c.owner, balances.c.kind, func.sum(balances.c.nano))
    kept = kept.where(balances.c.owner.in_(accounts), balances.c.kind.in_(("escrow", "earned", "credit")))
    have = {(row[0], row[1]): int(row[2]) for row in database.query(kept.group_by(balances.c.owner, balances.c.kind))}
    days = EARNING_DAYS.since(today, accounts).subquery()
    recent = {
        row[0]: int(row[1])
        for row in database.query(select(days.c.account, func.sum(days.c.nano)).group_by(days.c.account))
    }
    return {
        account: Earned(
            escrow=have.get((account, "escrow"), 0),
            available=have.get((account, "earned"), 0),
            credit=have.get((account, "credit"), 0),
            today=recent.get(account, 0),
        )
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


def workers(database: Database, account: str | None = None) -> list[WorkerRow]:
    """Every worker that has earned, those that are gone too, the one that earned last first; of an account, or all."""
    days = EARNING_DAYS.since(0, None if account is None else [account]).subquery()
    by, last = (days.c.worker, days.c.account), func.max(days.c.last_ms)
    wanted = select(*by, func.sum(days.c.jobs), func.sum(days.c.nano), last).group_by(*by)
    rows = database.query(wanted.order_by(last.desc(), days.c.worker))
    fresh = select(earnings.c.worker, func.sum(earnings.c.nano)).where(earnings.c.matured_ms.is_(None))
    if account is not None:
        fresh = fresh.where(earnings.c.account == account)
    young = {row[0]: int(row[1]) for row in database.query(fresh.group_by(earnings.c.worker))}
    return [WorkerRow(row[0], row[1], int(row[2]), int(row[3]), young.get(row[0], 0), int(row[4])) for row in rows]


def earned_by(database: Database, account: str, worker: str) -> tuple[int, int]:
    """What one worker of the account has earned since it was first seen, and how much of that is not yet matured.
    Nano-dollars, all currencies together."""
    mine = (earnings.c.account == account, earnings.c.worker == worker)
    fresh = case((earnings.c.matured_ms.is_(None), earnings.c.nano), else_=0)
    ((whole, young),) = database.query(select(func.sum(earnings.c.nano), func.sum(fresh)).where(*mine))
    return int(whole or 0), int(young or 0)
