"""A group of orders as one transaction: what they touch is read and locked, the book decides, all of it is written.

A group of 64 costs about as much as one order: one fsync, and one statement for each table.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import BindParameter, Connection, Select, Table, bindparam, insert, select, update
from sqlalchemy.exc import DataError, IntegrityError

from coordinator.ledger.book import Book, HoldState
from coordinator.ledger.orders import PLATFORM, Answer, Order, Purse, Settle, Transfer
from coordinator.ledger.pricing import CURRENCIES
from coordinator.store.database import Database
from coordinator.store.errors import CannotBeBooked
from coordinator.store.tables import balances, earnings, entries, holds, journals, usage


def commit(database: Database, orders: Sequence[Order]) -> list[Answer]:
    """The answers, in order; durable when they are here. Raises CannotBeBooked. Raises LedgerError, and then nothing
    has happened, or (the connection was lost while committing) all of it: giving the orders again does no harm."""
    try:
        try:
            with database.transaction() as connection:
                return apply(connection, orders)
        except IntegrityError:  # PostgreSQL: another process made the same purse meanwhile; by now it is there
            with database.transaction() as connection:
                return apply(connection, orders)
    except (IntegrityError, DataError, ValueError) as error:
        raise CannotBeBooked(f"it cannot be booked: {error}") from error


def apply(connection: Connection, orders: Sequence[Order]) -> list[Answer]:
    """Inside of the caller's transaction."""
    book = _read(connection, orders)
    before = dict(book.balances)
    answers = [book.carry_out(order) for order in orders]
    _write(connection, book, before)
    return answers


# ---- reading ---------------------------------------------------------------------------------------------------------


def _read(connection: Connection, orders: Iterable[Order]) -> Book:
    """Balances are locked in one order of all writers, so that none waits for another in a circle."""
    jobs, owners, names = set[str](), {PLATFORM}, set[str]()
    for order in orders:
        if isinstance(order, Transfer):
            names.add(order.id)
            owners |= {order.source.owner, order.target.owner}
            continue
        jobs.add(order.job)
        owners |= {payee.account for payee in order.payees} if isinstance(order, Settle) else set()
        owners |= {getattr(order, "account", PLATFORM)}
    found = {row.job: _hold(row) for row in _all(connection, _HOLDS, jobs)}
    owners |= {hold.account for hold in found.values()}
    purses = {Purse(row.owner, row.currency, row.kind): row.nano for row in _all(connection, _BALANCES, owners)}
    known = {row.id for row in _all(connection, _JOURNALS, names)}
    return Book(purses, found, known)


def _all(connection: Connection, statement: Select[Any], among: set[str]) -> Sequence[Any]:
    return connection.execute(statement, {"among": sorted(among)}).all() if among else ()


def _hold(row: Any) -> HoldState:
    held = {currency: getattr(row, currency) for currency in CURRENCIES}
    served = tuple(json.loads(row.served).items())
    return HoldState(row.account, held, row.state, row.charge, row.ended_ms, served)


# ---- writing ---------------------------------------------------------------------------------------------------------


def _write(connection: Connection, book: Book, before: dict[Purse, int]) -> None:
    new = [purse for purse in book.balances if purse not in before]
    _insert(connection, balances, [{**purse._asdict(), "nano": book.balances[purse]} for purse in new])
    moved = [
        {"_owner": purse.owner, "_currency": purse.currency, "_kind": purse.kind, "nano": nano}
        for purse, nano in book.balances.items()
        if before.get(purse, nano) != nano
    ]
    if moved:
        connection.execute(_BALANCE, moved)
    _insert(connection, journals, [{"id": j.id, "at_ms": j.at_ms, "note": j.note} for j in book.journals])
    lines = [
        {"journal": journal.id, **purse._asdict(), "nano": nano}
        for journal in book.journals
        for purse, nano in journal.entries
    ]
    _insert(connection, entries, lines)
    _write_holds(connection, book)
    _insert(connection, earnings, [asdict(earning) for earning in book.earnings])
    _insert(connection, usage, [asdict(row) for row in book.usage])


def _write_holds(connection: Connection, book: Book) -> None:
    touched = [(job, book.holds[job]) for job in sorted(book.changed)]
    _insert(connection, holds, [_new_hold(hold) for _, hold in touched if hold.order is not None])
    old = [{"_job": job, **_state(hold)} for job, hold in touched if hold.order is None]
    if old:
        connection.execute(_HOLD, old)


def _new_hold(hold: HoldState) -> dict[str, Any]:
    order = hold.order
    assert order is not None
    same = ("job", "account", "key", "model", "streamed", "bound", "at_ms", "deadline_ms")
    return {
        **{name: getattr(order, name) for name in same},
        "price_version": order.tariff.version,
        "price_prompt": order.tariff.prompt,
        "price_completion": order.tariff.completion,
        **{currency: hold.held.get(currency, 0) for currency in CURRENCIES},
        **_state(hold),
    }


def _state(hold: HoldState) -> dict[str, Any]:
    served = json.dumps(dict(hold.served))
    return {"state": hold.state, "charge": hold.charge, "ended_ms": hold.ended_ms, "served": served}


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(_INSERT[table], rows)


# Statements are made once: SQLAlchemy takes longer to make one and its key in the cache than SQLite to carry it out.
_AMONG: BindParameter[Any] = bindparam("among", expanding=True)
_HOLDS = select(holds).where(holds.c.job.in_(_AMONG)).with_for_update()
_BALANCES = (
    select(balances)
    .where(balances.c.owner.in_(_AMONG))
    .order_by(balances.c.owner, balances.c.currency, balances.c.kind)
    .with_for_update()
)
_JOURNALS = select(journals.c.id).where(journals.c.id.in_(_AMONG))
_INSERT = {table: insert(table) for table in (balances, journals, entries, holds, earnings, usage)}
_BALANCE = (
    update(balances)
    .where(*(balances.c[name] == bindparam(f"_{name}") for name in ("owner", "currency", "kind")))
    .values(nano=bindparam("nano"))
)
_HOLD = (
    update(holds)
    .where(holds.c.job == bindparam("_job"))
    .values(**{name: bindparam(name) for name in ("state", "charge", "ended_ms", "served")})
)
