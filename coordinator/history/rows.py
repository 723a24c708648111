"""The rows of the history: usage is added up into them, samples are added, old ones go. Each in bounded steps."""

from collections import Counter
from collections.abc import Mapping
from functools import partial
from itertools import islice
from typing import Any

from sqlalchemy import Column, Connection, Table, case, delete, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from coordinator.history.figures import DAY_MS, KEPT_MS, MASKS, MOST, WORKERS_KEPT_DAYS, Sums, WorkerKey, fold
from coordinator.store.advisory import Lock, wait
from coordinator.store.database import Database
from coordinator.store.history_tables import history, history_marks, history_workers
from coordinator.store.roll_up import RollUp
from coordinator.store.tables import usage

BATCH = 500  # rows of usage that one transaction adds up
GROUP = 500  # rows of workers that one transaction writes
MOST_WORKERS = 10_000  # rows of a day; a worker beyond them has none
MOST_SWEPT = 1000
Workers = Mapping[WorkerKey, Counter[str]]
_READ = (
    *("id", "at_ms", "model", "worker", "attempts", "finish", "prompt", "cached", "completion", "reasoning"),
    *("queued_ms", "first_token_ms", "total_ms", "units"),
)


def _add_used(connection: Connection, after: int, until: int, at_ms: int) -> None:
    wanted = select(*(usage.c[name] for name in _READ)).where(usage.c.id > after, usage.c.id <= until)
    _add(connection, fold(connection.execute(wanted.order_by(usage.c.id)).all(), at_ms))


HISTORY = RollUp("history", usage, Lock.HISTORY, _add_used, BATCH)


def write(database: Database, writer: str, number: int, sums: Sums) -> None:
    """Add what one replica has seen; `number` grows with each of its writings, and what was written is not written
    again. Raises StoreError."""
    database.transact(partial(_write, writer=writer, number=number, sums=sums))


def _write(connection: Connection, writer: str, number: int, sums: Sums) -> None:
    wait(connection, Lock.HISTORY)  # all replicas write the same rows at the end of a minute
    if _mark(connection, writer) < number:
        _add(connection, sums)
        _set_mark(connection, writer, number)


def in_groups(workers: Workers) -> list[Workers]:
    """What one transaction after the other writes, so that none is long."""
    left = iter(sorted(workers.items()))
    groups: list[Workers] = []
    while group := dict(islice(left, GROUP)):
        groups.append(group)
    return groups


# ---- sweeping --------------------------------------------------------------------------------------------------------


def sweep(database: Database, at_ms: int) -> int:
    """Delete what is not kept any more, at most MOST_SWEPT rows of each table and step. Returns how many; call again
    until it is none. Raises StoreError."""
    return database.transact(partial(_sweep, at_ms=at_ms))


def _sweep(connection: Connection, at_ms: int) -> int:
    gone = 0
    for step, kept in KEPT_MS.items():
        # a row is old once its end is
        gone += _delete(connection, history, history.c.step == step, history.c.at_ms <= at_ms - kept - step)
    days = history_workers.c.day <= at_ms // DAY_MS - WORKERS_KEPT_DAYS
    gone += _delete(connection, history_workers, days)
    least = at_ms - WORKERS_KEPT_DAYS * DAY_MS  # the numbers of replicas' marks are times
    return gone + _delete(connection, history_marks, history_marks.c.number < least)


def _delete(connection: Connection, table: Table, *among: Any) -> int:
    key = list(table.primary_key.columns)
    old = select(*key).where(*among).limit(MOST_SWEPT)
    name = tuple_(*key) if len(key) > 1 else key[0]
    return connection.execute(delete(table).where(name.in_(old))).rowcount


# ---- adding ----------------------------------------------------------------------------------------------------------


def _add(connection: Connection, sums: Sums) -> None:
    models = [{**key._asdict(), **counted} for key, counted in sorted(sums.models.items())]
    workers = [
        {**key._asdict(), "account": key.worker.partition("/")[0], **counted}
        for key, counted in _admitted(connection, sums.workers)
    ]
    for statement, blank, rows in ((_MODEL, _NO_MODEL, models), (_WORKER, _NO_WORKER, workers)):
        if rows:
            connection.execute(statement, [blank | row for row in rows])


def _adding(table: Table, but: tuple[str, ...]) -> tuple[Any, dict[str, int]]:
    """The statement that adds to the rows that are there and makes the others, and the columns of one that adds
    nothing. All rows say all columns: another statement for each choice of them would have to be compiled."""
    key = list(table.primary_key.columns)
    counted = [column for column in table.c if column not in key and column.name not in but]
    statement = insert(table)
    new = {column.name: _together(column, statement.excluded[column.name]) for column in counted}
    return statement.on_conflict_do_update(index_elements=key, set_=new), {column.name: 0 for column in counted}


def _together(old: Column[int], new: Any) -> Any:
    if old.name in MASKS:
        return old.bitwise_or(new)
    return case((new > old, new), else_=old) if old.name == MOST else old + new


def _admitted(
    connection: Connection, workers: Mapping[WorkerKey, Counter[str]]
) -> list[tuple[WorkerKey, Counter[str]]]:
    """Those that have a row already, and as many more as a day may have: names of workers are strangers' words."""
    admitted = []
    for day in sorted({key.day for key in workers}):
        of_day = sorted((key, counted) for key, counted in workers.items() if key.day == day)
        here = history_workers.c.day == day
        count = connection.execute(select(func.count()).select_from(history_workers).where(here)).scalar_one()
        if count + len(of_day) > MOST_WORKERS:
            names = [key.worker for key, _ in of_day]
            found = select(history_workers.c.worker).where(here, history_workers.c.worker.in_(names))
            known = set(connection.execute(found).scalars())
            fresh = [pair for pair in of_day if pair[0].worker not in known][: max(0, MOST_WORKERS - count)]
            of_day = sorted([pair for pair in of_day if pair[0].worker in known] + fresh)
        admitted += of_day
    return admitted


# ---- marks -----------------------------------------------------------------------------------------------------------


def _mark(connection: Connection, name: str) -> int:
    found = connection.execute(select(history_marks.c.number).where(history_marks.c.name == name)).scalar()
    return found or 0


def _set_mark(connection: Connection, name: str, number: int) -> None:
    mine = history_marks.c.name == name
    if not connection.execute(update(history_marks).where(mine).values(number=number)).rowcount:
        connection.execute(insert(history_marks).values(name=name, number=number))


_MODEL, _NO_MODEL = _adding(history, ())
_WORKER, _NO_WORKER = _adding(history_workers, ("account",))
