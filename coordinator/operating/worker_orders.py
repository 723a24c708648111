"""What operators order of workers, in the database: each replica looks there once a second."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import Connection, delete, func, insert, select

from coordinator.operating.errors import CannotBeDone
from coordinator.store.audit_log import record
from coordinator.store.database import Database
from coordinator.store.operator_tables import worker_orders

OrderKind = Literal["rest", "away"]
KINDS: tuple[OrderKind, ...] = get_args(OrderKind)
MOST = 10_000  # that stand at a time: every replica holds them in memory
WORDS: dict[str, str] = {"rest": "worker rest", "away": "worker away", "end": "worker order end"}  # in the audit log


@dataclass(frozen=True)
class OrderRow:
    """One order that stands. `worker`: its key, ACCOUNT/WORKER. Unix milliseconds."""

    worker: str
    kind: OrderKind
    since_ms: int
    until_ms: int
    note: str


def order(database: Database, row: OrderRow, actor: str) -> None:
    """Give an order, in the place of one that stands, and write it down. Raises CannotBeDone if too many stand."""

    def work(connection: Connection) -> None:
        connection.execute(delete(worker_orders).where(worker_orders.c.until_ms <= row.since_ms))
        connection.execute(delete(worker_orders).where(worker_orders.c.worker == row.worker))
        if connection.execute(select(func.count()).select_from(worker_orders)).scalar_one() >= MOST:
            raise CannotBeDone(f"{MOST} workers rest or are away by an order: end some first")
        connection.execute(insert(worker_orders).values(vars(row)))
        seconds = (row.until_ms - row.since_ms) // 1000
        record(connection, actor, WORDS[row.kind], row.worker, f"for {seconds} s {row.note}".strip(), row.since_ms)

    database.transact(work)


def end(database: Database, worker: str, actor: str, at_ms: int) -> None:
    """End the order that stands for a worker, and write it down. Raises CannotBeDone if there is none."""

    def work(connection: Connection) -> None:
        standing = (worker_orders.c.worker == worker, worker_orders.c.until_ms > at_ms)
        found = connection.execute(select(worker_orders).where(*standing)).one_or_none()
        if found is None:
            raise CannotBeDone(f"no order stands for {worker[:200]!r}: it neither rests nor is away by one")
        connection.execute(delete(worker_orders).where(worker_orders.c.worker == worker))
        record(connection, actor, WORDS["end"], worker, found.kind, at_ms)

    database.transact(work)


def standing(database: Database, at_ms: int) -> dict[str, OrderRow]:
    """All orders whose time is not over, by the worker's key."""
    rows: Any = database.query(select(worker_orders).where(worker_orders.c.until_ms > at_ms))
    return {row.worker: OrderRow(**row._mapping) for row in rows}
