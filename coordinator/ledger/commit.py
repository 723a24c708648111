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
from coordinator.ledger.errors import CannotBeBooked
from coordinator.ledger.orders import PLATFORM, Answer, Order, Promote, Settle, SubAccount, Transfer
from coordinator.ledger.pricing import CURRENCIES
from coordinator.store.database import Database
from coordinator.store.tables import balances, earnings, entries, holds, journals, usage


def commit(database: Database, orders: Sequence[Order]) -> list[Answer]:
    """Carry out a group of orders in one transaction. Returns their answers, in order; by then they are durable.

    Raises CannotBeBooked: one of the orders never will be. Raises Unavailable: the database does not take them now;
    nothing has happened, or, if the connection was lost during the commit, all of it. Giving them again does no harm.
    """
    try:
        try:
            with database.transaction() as connection:
                return apply(connection, orders, database.server)
        except IntegrityError:  # PostgreSQL: another process made the same balance meanwhile; by now it is there
            with database.transaction() as connection:
                return apply(connection, orders, database.server)
    except (IntegrityError, DataError, ValueError) as error:
        raise CannotBeBooked(f"it cannot be booked: {error}") from error


def apply(connection: Connection, orders: Sequence[Order], server: int | None = None) -> list[Answer]:
    """Carry out orders inside of the caller's transaction, as `commit` does in one of its own."""
    book = _read(connection, orders)
    before = dict(book.balances)
    answers = [book.carry_out(order) for order in orders]
    _write(connection, book, before, server)
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
        if isinstance(order, Promote):
            names.add(order.id)
            owners.add(order.account)
            continue
        jobs.add(order.job)
        owners |= {payee.account for payee in order.payees} if isinstance(order, Settle) else set()
        owners |= {getattr(order, "account", PLATFORM)}
    found = {row.job: _hold(row) for row in _all(connection, _HOLDS, jobs)}
    owners |= {hold.account for hold in found.values()}
    money = {SubAccount(row.owner, row.currency, row.kind): row.nano for row in _all(connection, _BALANCES, owners)}
    known = {row.id for row in _all(connection, _JOURNALS, names)}
    return Book(money, found, known)


def _all(connection: Connection, statement: Select[Any], among: set[str]) -> Sequence[Any]:
    return connection.execute(statement, {"among": sorted(among)}).all() if among else ()


def _hold(row: Any) -> HoldState:
    held = {currency: getattr(row, currency) for currency in CURRENCIES}
    funded = {currency: getattr(row, f"{currency}_funded") or 0 for currency in CURRENCIES}
    served = tuple(json.loads(row.served).items())
    prompts = tuple((worker, tokens) for worker, tokens in json.loads(row.prompts))
    return HoldState(row.account, held, funded, row.state, row.charge, row.ended_ms, served, prompts)


# ---- writing ---------------------------------------------------------------------------------------------------------


def _write(connection: Connection, book: Book, before: dict[SubAccount, int], server: int | None) -> None:
    new = [sub_account for sub_account in book.balances if sub_account not in before]
    _insert(
        connection, balances, [{**sub_account._asdict(), "nano": book.balances[sub_account]} for sub_account in new]
    )
    moved = [
        {"_owner": sub_account.owner, "_currency": sub_account.currency, "_kind": sub_account.kind, "nano": nano}
        for sub_account, nano in book.balances.items()
        if before.get(sub_account, nano) != nano
    ]
    if moved:
        connection.execute(_BALANCE, moved)
    _insert(connection, journals, [{"id": j.id, "at_ms": j.at_ms, "note": j.note} for j in book.journals])
    lines = [
        {"journal": journal.id, **sub_account._asdict(), "nano": nano}
        for journal in book.journals
        for sub_account, nano in journal.entries
    ]
    _insert(connection, entries, lines)
    _write_holds(connection, book, server)
    _insert(connection, earnings, [asdict(earning) for earning in book.earnings])
    _insert(connection, usage, [asdict(row) for row in book.usage])


def _write_holds(connection: Connection, book: Book, server: int | None) -> None:
    touched = [(job, book.holds[job]) for job in sorted(book.changed)]
    _insert(connection, holds, [_new_hold(hold, server) for _, hold in touched if hold.order is not None])
    old = [{"_job": job, **_state(hold, server)} for job, hold in touched if hold.order is None]
    if old:
        connection.execute(_HOLD, old)


def _new_hold(hold: HoldState, server: int | None) -> dict[str, Any]:
    order = hold.order
    assert order is not None
    same = ("job", "account", "key", "model", "streamed", "bound", "at_ms", "deadline_ms", "kind")
    return {
        **{name: getattr(order, name) for name in same},
        "price_version": order.tariff.version,
        "price_prompt": order.tariff.prompt,
        "price_completion": order.tariff.completion,
        **{currency: hold.held.get(currency, 0) for currency in CURRENCIES},
        **{f"{currency}_funded": hold.funded.get(currency, 0) for currency in CURRENCIES},
        "made_by": server,
        **_state(hold, server),
    }


def _state(hold: HoldState, server: int | None) -> dict[str, Any]:
    served, prompts = json.dumps(dict(hold.served)), json.dumps(hold.prompts)
    ended = {"state": hold.state, "charge": hold.charge, "ended_ms": hold.ended_ms}
    ended_by = None if hold.state == "held" else server
    return {**ended, "served": served, "prompts": prompts, "ended_by": ended_by}


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
    .values(**{name: bindparam(name) for name in ("state", "charge", "ended_ms", "served", "prompts", "ended_by")})
)
