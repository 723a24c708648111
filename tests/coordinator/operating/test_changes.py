"""What an operator changes is in the audit log if it was changed, and nowhere if it was not."""

from dataclasses import replace

import pytest

from coordinator.accounts.accounts import create_account
from coordinator.clock import now_ms
from coordinator.identity.joining import delete_account
from coordinator.ledger.errors import LedgerError
from coordinator.ledger.grants import balances_of, bonus, grant, granted, hooked_deposit
from coordinator.ledger.orders import Done
from coordinator.operating.changes import book, change_account, give, pay_in
from coordinator.operating.errors import CannotBeDone
from coordinator.store.audit_log import Act, read
from coordinator.store.database import Database
from coordinator.store.errors import StoreError

ACT = Act("key_1", "grant", "")


def test_an_account_is_changed_and_what_was_so_already_is_no_deed(database: Database) -> None:
    account = create_account(database, "alice", 1).id
    assert change_account(database, account, {"disabled": True, "weight": 2.0}, "key_1", 5).disabled
    change_account(database, account, {"disabled": True}, "key_1", 6)
    change_account(database, account, {"disabled": False}, "key_2", 7)
    assert [(deed.actor, deed.action, deed.detail) for deed in read(database, 9)] == [
        ("key_2", "account enable", ""),
        ("key_1", "account set", "weight=2, before 1"),
        ("key_1", "account disable", ""),
    ]


def test_a_deleted_account_stays_disabled(database: Database) -> None:
    account = create_account(database, "alice", 1, 0).id
    delete_account(database, account, 2)
    with pytest.raises(CannotBeDone, match="deleted"):
        change_account(database, account, {"disabled": False}, "key_1", 5)
    assert read(database, 9) == []


def test_a_grant_is_booked_once_for_its_token_and_another_under_it_is_refused(database: Database) -> None:
    account = create_account(database, "alice", 1, 0).id
    act = Act("key_1", "grant", account, "grant 5 spark")

    def given(nano: int, reason: str = "grant") -> bool:
        order = grant(account, "spark", nano, 5, "deposit" if reason == "deposit" else "grant", "", "t")
        rivals = tuple(granted(account, other, "t") for other in ("grant", "deposit", "payout") if other != reason)
        return give(database, order, rivals, act, 5)

    assert (given(5), given(5)) == (False, True)
    for other in ((6, "grant"), (5, "deposit")):
        with pytest.raises(CannotBeDone, match="Idempotency-Key"):
            given(*other)
    assert balances_of(database, account)["spark"].available == 5
    assert len(read(database, 9)) == 1
    with pytest.raises(LedgerError, match="earned"):
        give(database, grant(account, "spark", 5, 5, "payout", ""), (), act, 5)
    assert len(read(database, 9)) == 1


def test_what_is_booked_again_is_written_down_once(database: Database) -> None:
    account, at_ms = create_account(database, "alice", 1, 0).id, now_ms()
    order = bonus(account, 7, at_ms)
    assert book(database, order, ACT, at_ms) == Done()
    assert book(database, order, ACT, at_ms) == Done(again=True)
    assert len(read(database, 9)) == 1


def test_what_is_paid_in_is_booked_once_for_its_message_and_nothing_else_under_it(database: Database) -> None:
    account, other = (create_account(database, name, 1, 0).id for name in ("alice", "bob"))
    order = hooked_deposit("msg", account, "spark", 7, 5, "")
    assert (pay_in(database, order), pay_in(database, order)) == (False, True)
    for another in (replace(order, nano=8), hooked_deposit("msg", other, "spark", 7, 5, "")):
        with pytest.raises(CannotBeDone, match="its own"):
            pay_in(database, another)
    change_account(database, account, {"disabled": True}, "key_1", 5)
    assert pay_in(database, order), "it was booked before"
    with pytest.raises(CannotBeDone, match="nobody could spend"):
        pay_in(database, hooked_deposit("msg 2", account, "spark", 7, 5, ""))
    assert balances_of(database, account)["spark"].available == 7


def test_more_than_the_books_can_hold_is_refused(database: Database) -> None:
    """With SQLite it was a fault of the program."""
    account = create_account(database, "alice", 1, 0).id
    orders = [grant(account, "spark", 2**62, 5, "grant", "", f"t{number}") for number in range(3)]
    with pytest.raises(StoreError):
        for order in orders:
            give(database, order, (), replace(ACT, target=account), 5)
    assert len(read(database, 9)) == 1
