"""A group of orders as one transaction: what they touch is read and locked, the book decides, all of it is written.

A group of 64 costs about as much as one order: one fsync, and one statement for each table. Several replicas may commit
at once: each locks Idempotency-Keys, holds, balances and what API keys spend, in this order and each of them sorted,
and only what its group needs.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BindParameter, Connection, Select, Table, bindparam, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_not
from sqlalchemy.exc import IntegrityError

from coordinator.ledger.book import Book, HoldState
from coordinator.ledger.claim_rows import read_claims, write_claims
from coordinator.ledger.errors import CannotBeBooked
from coordinator.ledger.orders import (
    PLATFORM,
    Answer,
    Checkpoint,
    Claim,
    Hold,
    Keep,
    Mark,
    Order,
    Promote,
    Release,
    Settle,
    SubAccount,
    Transfer,
)
from coordinator.ledger.pricing import CURRENCIES
from coordinator.ledger.spend import Purse, purses
from coordinator.ledger.spend_rows import read_spend, write_spend
from coordinator.store.database import Database
from coordinator.store.errors import Contended, Unstorable
from coordinator.store.replicas import Identity
from coordinator.store.tables import balances, earnings, entries, holds, journals, usage

COMMAND = Identity()  # as whom an operator's commands write


def commit(database: Database, orders: Sequence[Order]) -> list[Answer]:
    """Carry out a group of orders in one transaction. Returns their answers, in order; by then they are durable.

    Raises CannotBeBooked: one of the orders never will be. Raises Unavailable: the database does not take them now;
    nothing has happened, or, if the connection was lost during the commit, all of it. Giving them again does no harm.
    """
    try:
        return database.transact(lambda connection: apply(connection, orders, database.identity))
    except (IntegrityError, Unstorable) as error:
        raise CannotBeBooked(f"it cannot be booked: {error}") from error


def apply(connection: Connection, orders: Sequence[Order], identity: Identity = COMMAND) -> list[Answer]:
    """Carry out orders inside of the caller's transaction, as `commit` does in one of its own. Raises Contended, with
    which the caller's transaction is to be begun anew (Database.transact), or CannotBeBooked."""
    try:
        book = _read(connection, orders, identity)
        before = dict(book.balances)
        answers = [book.carry_out(order) for order in orders]
        _write(connection, book, before, identity.server)
    except (OverflowError, ValueError) as error:  # sqlite3 overflows by itself
        raise CannotBeBooked(f"it cannot be booked: {error}") from error
    return answers


# ---- reading ---------------------------------------------------------------------------------------------------------


def _read(connection: Connection, orders: Iterable[Order], identity: Identity) -> Book:
    """All writers lock in one order, so that none waits for another in a circle."""
    jobs, owners, names, keys = set[str](), set[str](), set[str](), set[tuple[str, str]]()
    counted = set[Purse]()
    for order in orders:
        match order:
            case Hold():
                jobs.add(order.job)
                owners.add(order.account)
                counted |= purses((each.name for each in order.counted), order.at_ms)
                if order.claim is not None:
                    keys.add((order.claim.account, order.claim.key))
            case Settle():
                jobs.add(order.job)
                owners.update(payee.account for payee in order.payees)
                if order.charge:
                    owners.add(PLATFORM)
            case Checkpoint():
                jobs.add(order.job)
            case Transfer():
                names.add(order.id)
                owners |= {order.source.owner, order.target.owner}
            case Promote():
                names.add(order.id)
                owners |= {order.account, PLATFORM}
            case Claim() | Mark() | Keep() | Release():
                keys.add((order.account, order.key))
    claims = read_claims(connection, keys, identity)
    found = {row.job: _hold(row) for row in _all(connection, _HOLDS, jobs)}
    owners |= {hold.account for hold in found.values()}
    counted = counted.union(*(purses(hold.counted, hold.at_ms) for hold in found.values()))
    platform = PLATFORM if identity.purse is None else f"{PLATFORM}/{identity.purse}"
    among = {platform if owner == PLATFORM else owner for owner in owners}
    money = {SubAccount(row.owner, row.currency, row.kind): row.nano for row in _all(connection, _BALANCES, among)}
    spend = read_spend(connection, counted)
    known = {row.id for row in _all(connection, _JOURNALS, names)}
    return Book(money, found, known, claims, platform, spend)


def _all(connection: Connection, statement: Select[Any], among: set[str]) -> Sequence[Any]:
    return connection.execute(statement, {"among": sorted(among)}).all() if among else ()


def _hold(row: Any) -> HoldState:
    held = {currency: getattr(row, currency) for currency in CURRENCIES}
    funded = {currency: getattr(row, f"{currency}_funded") or 0 for currency in CURRENCIES}
    served = tuple(json.loads(row.served).items())
    prompts = tuple((worker, tokens) for worker, tokens in json.loads(row.prompts))
    counted = tuple(json.loads(row.counted or "[]"))
    state = (row.state, row.charge, row.ended_ms, served, prompts, row.owner)
    return HoldState(row.account, held, funded, *state, row.at_ms, counted)


# ---- writing ---------------------------------------------------------------------------------------------------------


def _write(connection: Connection, book: Book, before: dict[SubAccount, int], server: int | None) -> None:
    for sub_account in sorted(book.balances.keys() - before.keys()):
        made = connection.execute(_PURSE, {**sub_account._asdict(), "nano": book.balances[sub_account]})
        if not made.rowcount:
            raise Contended(f"another writer has just made {sub_account}")
    moved = [
        {"_owner": sub_account.owner, "_currency": sub_account.currency, "_kind": sub_account.kind, "nano": nano}
        for sub_account, nano in book.balances.items()
        if before.get(sub_account, nano) != nano
    ]
    if moved:
        connection.execute(_BALANCE, moved)
    write_spend(connection, book.spend)
    _insert(connection, journals, [{"id": j.id, "at_ms": j.at_ms, "note": j.note} for j in book.journals])
    lines = [
        {"journal": journal.id, **sub_account._asdict(), "nano": nano}
        for journal in book.journals
        for sub_account, nano in journal.entries
    ]
    _insert(connection, entries, lines)
    _write_holds(connection, book, server)
    _insert(connection, earnings, [vars(earning) for earning in book.earnings])
    _insert(connection, usage, [vars(row) for row in book.usage])
    write_claims(connection, book.claims)


def _write_holds(connection: Connection, book: Book, server: int | None) -> None:
    touched = [(job, book.holds[job]) for job in sorted(book.changed)]
    _insert(connection, holds, [_new_hold(hold, server) for _, hold in touched if hold.order is not None])
    old = [{"_job": job, "owner": hold.owner, **_state(hold, server)} for job, hold in touched if hold.order is None]
    if old:
        connection.execute(_HOLD, old)


def _new_hold(hold: HoldState, server: int | None) -> dict[str, Any]:
    order = hold.order
    assert order is not None
    same = ("job", "account", "key", "model", "streamed", "bound", "at_ms", "deadline_ms", "kind", "request_id")
    return {
        **{name: getattr(order, name) for name in same},
        "price_version": order.tariff.version,
        "price_prompt": order.tariff.prompt,
        "price_completion": order.tariff.completion,
        **{currency: hold.held.get(currency, 0) for currency in CURRENCIES},
        **{f"{currency}_funded": hold.funded.get(currency, 0) for currency in CURRENCIES},
        "made_by": server,
        "owner": hold.owner,
        "counted": json.dumps(hold.counted),
        **_state(hold, server),
    }


def _state(hold: HoldState, server: int | None) -> dict[str, Any]:
    served, prompts = json.dumps(dict(hold.served)), json.dumps(hold.prompts)
    ended = {"state": hold.state, "charge": hold.charge, "ended_ms": hold.ended_ms, "failure": hold.failure}
    ended_by = None if hold.state == "held" else server
    return {**ended, "served": served, "prompts": prompts, "ended_by": ended_by}


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(_INSERT[table], rows)


_CHANGES = ("state", "charge", "ended_ms", "served", "prompts", "ended_by", "owner", "failure")
# Statements are made once: SQLAlchemy takes longer to make one and its key in the cache than SQLite to carry it out.
_AMONG: BindParameter[Any] = bindparam("among", expanding=True)
_HOLDS = select(holds).where(holds.c.job.in_(_AMONG)).order_by(holds.c.job).with_for_update()
_BALANCES = (
    select(balances)
    .where(balances.c.owner.in_(_AMONG))
    .order_by(balances.c.owner, balances.c.currency, balances.c.kind)
    .with_for_update()
)
_JOURNALS = select(journals.c.id).where(journals.c.id.in_(_AMONG))
_INSERT = {table: insert(table) for table in (journals, entries, holds, earnings, usage)}
_PURSE = insert_or_not(balances).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
_BALANCE = (
    update(balances)
    .where(*(balances.c[name] == bindparam(f"_{name}") for name in ("owner", "currency", "kind")))
    .values(nano=bindparam("nano"))
)
_HOLD = update(holds).where(holds.c.job == bindparam("_job")).values(**{name: bindparam(name) for name in _CHANGES})
