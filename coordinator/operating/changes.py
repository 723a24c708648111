"""What operators do to accounts and their money, each act written into the audit log with what it changes."""

from typing import Any

from sqlalchemy import Connection, select

from coordinator.accounts.rows import AccountRow, get_account, set_within
from coordinator.ledger.commit import apply
from coordinator.ledger.errors import LedgerError
from coordinator.ledger.orders import Answer, Done, Insufficient, Transfer
from coordinator.ledger.pricing import decimal
from coordinator.operating.errors import CannotBeDone
from coordinator.store.account_lock import lock_account
from coordinator.store.audit_log import Act, record
from coordinator.store.database import Database
from coordinator.store.tables import DELETED, accounts, entries, journals


def change_account(database: Database, account: str, values: dict[str, Any], actor: str, at_ms: int) -> AccountRow:
    """Set `disabled` or `weight` of an account (its id), each an act of its own if it is another than before. Returns
    what it is then. Raises CannotBeDone for one that its people have deleted."""

    def work(connection: Connection) -> None:
        lock_account(connection, account)
        row = connection.execute(select(accounts).where(accounts.c.id == account)).one()
        if row.name == DELETED + account:
            raise CannotBeDone(f"{account} was deleted by its people, for good: it stays disabled")
        changed = {name: value for name, value in values.items() if row._mapping[name] != value}
        for name, value in changed.items():
            action = ("account disable" if value else "account enable") if name == "disabled" else "account set"
            detail = f"{name}={value:g}, before {row._mapping[name]:g}" if name == "weight" else ""
            record(connection, actor, action, account, detail, at_ms)
        if changed:
            set_within(connection, account, **changed)

    database.transact(work)
    return get_account(database, account)


def give(database: Database, order: Transfer, rivals: tuple[str, ...], act: Act, at_ms: int) -> bool:
    """Book what an operator gives, once for each order. Returns whether it was booked already. `rivals`: orders that
    the same request would have been with another reason. Raises CannotBeDone where one of these, or another amount
    under this name, is booked, or nobody could spend it; LedgerError if the account has not earned what is to be paid
    out."""

    def work(connection: Connection) -> bool:
        lock_account(connection, act.target)
        found = connection.execute(select(journals.c.id).where(journals.c.id.in_((order.id, *rivals)))).scalar()
        said = (
            entries.c.journal == order.id,
            entries.c.nano == order.nano,
            entries.c.currency == order.source.currency,
        )
        if found is not None:
            if connection.execute(select(entries.c.id).where(*said)).first() is None:
                raise CannotBeDone("another grant was booked under this Idempotency-Key: one that differs has its own")
            return True
        if order.target.owner == act.target:
            _check_usable(connection, act.target)
        (answer,) = apply(connection, [order], database.identity)
        if isinstance(answer, Insufficient):
            raise LedgerError(f"the account has earned ${decimal(answer.available)} that can be paid out, and no more")
        record(connection, act.actor, act.action, act.target, act.detail, at_ms)
        return False

    return database.transact(work)


def pay_in(database: Database, order: Transfer) -> bool:
    """Book what a payment service says was paid in, once for each order. Returns whether it was booked already. Raises
    CannotBeDone where something else is booked under its name, or nobody could spend it."""
    account = order.target.owner

    def work(connection: Connection) -> bool:
        lock_account(connection, account)
        said = select(entries.c.owner, entries.c.currency, entries.c.kind, entries.c.nano)
        found = connection.execute(said.where(entries.c.journal == order.id)).all()
        if found:
            if (*order.target, order.nano) not in [tuple(row) for row in found]:
                raise CannotBeDone(
                    "Another deposit was booked under this message id: a message that says something else has its own."
                )
            return True
        _check_usable(connection, account)
        apply(connection, [order], database.identity)
        return False

    return database.transact(work)


def _check_usable(connection: Connection, account: str) -> None:
    if connection.execute(select(accounts.c.disabled).where(accounts.c.id == account)).scalar_one():
        raise CannotBeDone(f"The account {account} is disabled or deleted: nobody could spend it.")


def book(database: Database, order: Transfer, act: Act | None, at_ms: int) -> Answer:
    """Carry out a transfer and write down who had it done, None: nobody else. Carried out again, neither happens
    again."""

    def work(connection: Connection) -> Answer:
        (answer,) = apply(connection, [order], database.identity)
        if act is not None and answer == Done():
            record(connection, act.actor, act.action, act.target, act.detail, at_ms)
        return answer

    return database.transact(work)
