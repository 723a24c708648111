"""Earnings that their owner wants to have: asked for, approved by the operator, sent by it outside of this program.

`asked` -> `approved` -> `sent`; or `refused` or `withdrawn` before it is approved, or `returned` after, when it could
not be sent. The money leaves the books with the approval, so that it cannot be spent here while it is on its way, and
is back when it is returned.
"""

import secrets
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, insert, select, true, update

from coordinator.clock import DAY_MS
from coordinator.ledger.commit import apply
from coordinator.ledger.errors import LedgerError
from coordinator.ledger.orders import PLATFORM, Decision, Insufficient, PayoutState, SubAccount, Transfer
from coordinator.ledger.pricing import Currency, decimal
from coordinator.store.account_lock import lock_account
from coordinator.store.audit_log import record
from coordinator.store.database import Database
from coordinator.store.operator_tables import payouts
from coordinator.store.tables import DELETED, accounts, balances

ASKED_A_DAY = 20  # of one account
MOST_LISTED = 1000
# What an operator's word makes of which state.
DECISIONS: dict[Decision, tuple[PayoutState, PayoutState]] = {
    "approve": ("asked", "approved"),
    "refuse": ("asked", "refused"),
    "sent": ("approved", "sent"),
    "return": ("approved", "returned"),
}


class NoSuchPayout(LedgerError):
    """There is none of this id, or it is another account's."""


@dataclass(frozen=True)
class Payout:
    """One payout. `address`: where its owner wants it; `note`: what the operator said of it, such as the transfer's
    number; `key`: the id of the key (or session) that asked. Nano-dollars, Unix milliseconds."""

    id: str
    account: str
    currency: Currency
    nano: int
    state: PayoutState
    address: str
    note: str
    key: str
    asked_ms: int
    changed_ms: int


@dataclass(frozen=True)
class Wanted:
    """What an owner asks for, as in Payout."""

    account: str
    currency: Currency
    nano: int
    address: str
    key: str


def ask(database: Database, wanted: Wanted, at_ms: int) -> Payout:
    """Ask for a payout of matured earnings. Raises LedgerError: there is less than that, one in this currency is asked
    for already, or too many were asked for today."""

    account, currency, nano = wanted.account, wanted.currency, wanted.nano

    def work(connection: Connection) -> Payout:
        # The account's purse is the lock: two that ask at once come one after the other.
        purse = select(balances.c.nano).where(
            balances.c.owner == account, balances.c.currency == currency, balances.c.kind == "earned"
        )
        have = connection.execute(purse.with_for_update()).scalar() or 0
        if not 0 < nano <= have:
            raise LedgerError(f"${decimal(have)} in {currency} can be paid out, and ${decimal(nano)} was asked for")
        mine = select(payouts.c.id).where(payouts.c.account == account)
        waits = connection.execute(mine.where(payouts.c.currency == currency, payouts.c.state == "asked")).scalar()
        if waits is not None:
            raise LedgerError(f"{waits} in {currency} waits for the operator: withdraw it to ask for another amount")
        today = select(func.count()).where(payouts.c.account == account, payouts.c.asked_ms > at_ms - DAY_MS)
        if connection.execute(today).scalar_one() >= ASKED_A_DAY:
            raise LedgerError(f"{ASKED_A_DAY} payouts were asked for within a day: ask for the next one tomorrow")
        name = f"payout_{secrets.token_hex(8)}"
        asked = Payout(name, account, currency, nano, "asked", wanted.address, "", wanted.key, at_ms, at_ms)
        connection.execute(insert(payouts).values(vars(asked)))
        return asked

    return database.transact(work)


def withdraw(database: Database, account: str, payout_id: str, at_ms: int) -> Payout:
    """The owner takes back what it asked for. Raises LedgerError if there is no such payout of the account, or if it is
    approved or over."""

    def work(connection: Connection) -> Payout:
        payout = _locked(connection, payout_id, account)
        return _changed(connection, payout, ("asked", "withdrawn"), "", at_ms)

    return database.transact(work)


def decide(database: Database, payout_id: str, decision: Decision, note: str, actor: str, at_ms: int) -> Payout:
    """Carry out what the operator says of a payout, and write down that `actor` said it. Raises LedgerError if its
    state does not allow that, or if its owner has spent the money since."""

    def work(connection: Connection) -> Payout:
        whose = connection.execute(select(payouts.c.account).where(payouts.c.id == payout_id)).scalar()
        if whose is not None:
            lock_account(connection, whose)  # before the payout, as who deletes the account does
        payout = _locked(connection, payout_id)
        changed = _changed(connection, payout, DECISIONS[decision], note, at_ms)
        earned = SubAccount(payout.account, payout.currency, "earned")
        outside = SubAccount(PLATFORM, payout.currency, "deposits")
        if decision == "approve":
            _book(connection, Transfer(f"payout:{payout.account}:{payout.id}", earned, outside, payout.nano, at_ms))
        if decision == "return":
            _book(
                connection, Transfer(f"payout-back:{payout.account}:{payout.id}", outside, earned, payout.nano, at_ms)
            )
        record(connection, actor, f"payout {decision}", payout.account, f"{payout.id} {note}".strip(), at_ms)
        gone = select(accounts.c.id).where(accounts.c.id == payout.account, accounts.c.name == DELETED + payout.account)
        if connection.execute(gone).first():
            close_payouts(connection, payout.account, at_ms)
        return changed

    return database.transact(work)


def of_account(database: Database, account: str, most: int) -> list[Payout]:
    """An account's payouts, the newest first."""
    return _read(database, payouts.c.account == account, most)


def in_state(database: Database, state: PayoutState | None, most: int) -> list[Payout]:
    """The payouts in one state, or all; the newest first."""
    return _read(database, true() if state is None else payouts.c.state == state, most)


def _read(database: Database, among: ColumnElement[bool], most: int) -> list[Payout]:
    statement = select(payouts).where(among).order_by(payouts.c.asked_ms.desc(), payouts.c.id).limit(most)
    return [Payout(**row._mapping) for row in database.query(statement)]


def _locked(connection: Connection, payout_id: str, account: str | None = None) -> Payout:
    statement = select(payouts).where(payouts.c.id == payout_id).with_for_update()
    row = connection.execute(statement).one_or_none()
    if row is None or account not in (None, row.account):
        raise NoSuchPayout(f"there is no payout {payout_id[:64]!r}: ids are those of the list of payouts")
    return Payout(**row._mapping)


def _changed(
    connection: Connection, payout: Payout, way: tuple[PayoutState, PayoutState], note: str, at_ms: int
) -> Payout:
    before, after = way
    if payout.state != before:
        raise LedgerError(f"{payout.id} is {payout.state}: only one that is {before} becomes {after}")
    values = {"state": after, "note": note or payout.note, "changed_ms": at_ms}
    connection.execute(update(payouts).where(payouts.c.id == payout.id).values(values))
    return Payout(**{**vars(payout), **values})


def _book(connection: Connection, order: Transfer) -> None:
    (answer,) = apply(connection, [order])
    if isinstance(answer, Insufficient):
        raise LedgerError(
            f"its owner has spent some of it: ${decimal(answer.available)} is left of ${decimal(order.nano)}"
        )


def close_payouts(connection: Connection, account: str, at_ms: int) -> None:
    """Of an account that is deleted: what it asks for is withdrawn, and the addresses of what is over are blanked."""
    mine = payouts.c.account == account
    withdrawn = {"state": "withdrawn", "changed_ms": at_ms}
    connection.execute(update(payouts).where(mine, payouts.c.state == "asked").values(withdrawn))
    connection.execute(update(payouts).where(mine, payouts.c.state != "approved").values(address=""))
