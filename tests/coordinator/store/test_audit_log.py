"""What operators did is there in the order in which they did it, and only if it was done."""

import pytest

from coordinator.accounts.accounts import create_account
from coordinator.accounts.errors import AccountError
from coordinator.store.audit_log import DETAIL, Act, Deed, Sought, audited, read, record, write_down
from coordinator.store.database import Database


def test_a_deed_is_written_with_what_it_says_or_not_at_all(database: Database) -> None:
    with database.transaction() as connection:
        record(connection, "key_1", "account disable", "acc_1", "x" * 9999, 5)
    with pytest.raises(ZeroDivisionError), database.transaction() as connection:
        record(connection, "key_1", "grant", "acc_1", "", 6)
        raise ZeroDivisionError
    with database.transaction() as connection:
        record(connection, "command line", "grant", "acc_2", "", 7)
    newest, oldest = read(database, 10)
    assert (newest.actor, newest.target, newest.at_ms) == ("command line", "acc_2", 7)
    assert oldest == Deed(oldest.id, 5, "key_1", "account disable", "acc_1", "x" * DETAIL)
    assert read(database, 1) == [newest] and read(database, 10, before=newest.id) == [oldest]


def test_an_act_is_written_down_with_what_it_does_or_not_at_all(database: Database) -> None:
    act = Act("key_1", "account create", "alice")
    made = audited(database, act, 5, create_account, "alice", 1)
    assert made.name == "alice" and [deed.action for deed in read(database, 9)] == ["account create"]
    with pytest.raises(AccountError):
        audited(database, act, 6, create_account, "alice", 1)
    audited(database, None, 7, create_account, "bob", 1)
    create_account(database, "carol", 1)
    write_down(database, Act("key_1", "media read", "acc_1"), 8)
    assert [deed.at_ms for deed in read(database, 9)] == [8, 5]


def test_deeds_are_found_by_who_what_whom_and_when(database: Database) -> None:
    with database.transaction() as connection:
        for at_ms, action, target in (
            (1, "key create", "a"),
            (2, "key revoke", "b"),
            (3, "keys", "a"),
            (4, "key", "b"),
        ):
            record(connection, f"k{at_ms % 2}", action, target, "", at_ms)

    def found(**sought: object) -> list[int]:
        return [deed.at_ms for deed in read(database, 9, None, Sought(**sought))]  # type: ignore[arg-type]

    assert (found(actor="k0"), found(target="a"), found(since_ms=3)) == ([4, 2], [3, 1], [4, 3])
    assert (found(action="key"), found(action="key revoke"), found(action="%")) == ([4, 2, 1], [2], [])
    assert found(action="key", target="b", actor="k0") == [4, 2]
