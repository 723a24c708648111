"""What energy workers draw, by day: read off the state now and then, kept in the database, shown beside what they earn.

A worker id is free: of an account no more than MOST_WORKERS get a row of one day.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy.dialects.postgresql import insert as insert_or_add

from coordinator.clock import DAY_MS
from coordinator.store.database import Database
from coordinator.store.owner_tables import electricity, energy_days

MOST_WORKERS = 512
KEPT_DAYS = 400
JOULES_KWH = 3_600_000


@dataclass(frozen=True)
class WorkerEnergy:
    """What one worker drew on one day (from 1970, UTC), or since it was last written down. `measured_s` of `online_s`
    its sensors told."""

    account: str
    day: int
    worker: str
    joules: int
    measured_s: int
    online_s: int


def add(database: Database, rows: Sequence[WorkerEnergy]) -> None:
    """Add to what is there; each worker at most once. Raises StoreError."""
    database.transact(lambda connection: _add(connection, rows))


def _add(connection: Connection, rows: Sequence[WorkerEnergy]) -> None:
    there = energy_days.c
    accounts, days = sorted({row.account for row in rows}), sorted({row.day for row in rows})
    known = select(there.account, there.day, there.worker).where(there.account.in_(accounts), there.day.in_(days))
    have = {tuple(row) for row in connection.execute(known)}
    counts: dict[tuple[str, int], int] = {}
    for account, day, _ in have:
        counts[account, day] = counts.get((account, day), 0) + 1
    values = []
    for row in sorted(rows, key=lambda row: (row.account, row.day, row.worker)):  # in one order: none waits in a circle
        if (row.account, row.day, row.worker) not in have:
            counts[row.account, row.day] = counts.get((row.account, row.day), 0) + 1
            if counts[row.account, row.day] > MOST_WORKERS:
                continue
        values.append(vars(row))
    if values:
        connection.execute(_ADD, values)


_INSERT = insert_or_add(energy_days)
_ADD = _INSERT.on_conflict_do_update(
    index_elements=list(energy_days.primary_key),
    set_={name: energy_days.c[name] + _INSERT.excluded[name] for name in ("joules", "measured_s", "online_s")},
)


def read(database: Database, account: str, day: int, worker: str | None = None) -> list[WorkerEnergy]:
    """What an account's workers drew since a day. `worker`: the key of the one that is meant."""
    there = energy_days.c
    wanted = select(energy_days).where(there.account == account, there.day >= day)
    if worker is not None:
        wanted = wanted.where(there.worker == worker)
    return [WorkerEnergy(**row._mapping) for row in database.query(wanted.order_by(there.day.desc(), there.worker))]


def clean(database: Database, at_ms: int) -> int:
    """Forget what is older than KEPT_DAYS. Returns how many rows."""
    old = delete(energy_days).where(energy_days.c.day < at_ms // DAY_MS - KEPT_DAYS)
    return database.transact(lambda connection: connection.execute(old).rowcount)


# ---- what it costs ---------------------------------------------------------------------------------------------------


def price(database: Database, account: str) -> int | None:
    """Nano-dollars that the account pays for a kilowatt-hour; None: it has not said."""
    rows = database.query(select(electricity.c.nano).where(electricity.c.account == account))
    return int(rows[0][0]) if rows else None


def set_price(database: Database, account: str, nano: int | None) -> None:
    """Keep what the account pays; None: forget it."""

    def work(connection: Connection) -> None:
        connection.execute(delete(electricity).where(electricity.c.account == account))
        if nano is not None:
            connection.execute(insert(electricity).values(account=account, nano=nano))

    database.transact(work)


def cost_nano(joules: int, kwh_nano: int | None) -> int | None:
    """What so much energy costs; None: the price is not known."""
    return None if kwh_nano is None else joules * kwh_nano // JOULES_KWH


def today(database: Database, accounts: Sequence[str], day: int) -> dict[str, int]:
    """What the energy of a day cost each account that has said its price and drew any."""
    summed = (
        select(energy_days.c.account, func.sum(energy_days.c.joules), func.max(electricity.c.nano))
        .join(electricity, electricity.c.account == energy_days.c.account)
        .where(energy_days.c.account.in_(accounts), energy_days.c.day == day)
        .group_by(energy_days.c.account)
    )
    return {account: int(joules) * int(nano) // JOULES_KWH for account, joules, nano in database.query(summed)}


def forget(connection: Connection, account: str) -> None:
    """Of an account that is deleted nothing of this stays."""
    connection.execute(delete(energy_days).where(energy_days.c.account == account))
    connection.execute(delete(electricity).where(electricity.c.account == account))
