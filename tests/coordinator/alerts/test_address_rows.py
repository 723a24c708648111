"""Addresses of accounts: a few each, and of what is secret in them only so much is shown that they are known again."""

import pytest

from coordinator.accounts.accounts import create_account
from coordinator.accounts.errors import AccountError, NotFound
from coordinator.alerts.address_rows import (
    MOST_ADDRESSES,
    MOST_FAILURES,
    Address,
    add_address,
    addresses_of,
    all_addresses,
    by_ids,
    forget_account,
    get_address,
    new_id,
    note_test,
    remove_address,
    tried,
)
from coordinator.alerts.subject_rows import interesting, see
from coordinator.alerts.subjects import Key, Sighting
from coordinator.operating.changes import change_account
from coordinator.store.database import Database

URL = "https://discord.com/api/webhooks/123456/averysecrettoken"


def made(account: str, **fields: object) -> Address:
    known: dict[str, object] = {"service": "discord", "url": URL, "alerts": ("worker_down",), "below_nano": 5}
    return Address(id=new_id(), account=account, made_ms=1, **(known | fields))  # type: ignore[arg-type]


@pytest.fixture
def account(database: Database) -> str:
    return create_account(database, "alice", 1, 0).id


def test_an_address_is_kept_found_and_removed(database: Database, account: str) -> None:
    one = made(account)
    add_address(database, one)
    assert addresses_of(database, account) == [get_address(database, account, one.id)] == [one]
    with database.transaction() as connection:
        assert all_addresses(connection) == [one] and by_ids(connection, [one.id]) == {one.id: one}
    with pytest.raises(NotFound):
        get_address(database, "somebody else", one.id)
    with pytest.raises(NotFound):
        remove_address(database, "somebody else", one.id)
    remove_address(database, account, one.id)
    assert addresses_of(database, account) == []


def test_an_account_has_a_few(database: Database, account: str) -> None:
    for _ in range(MOST_ADDRESSES):
        add_address(database, made(account))
    with pytest.raises(AccountError, match="at most 5"):
        add_address(database, made(account))


def test_with_the_last_address_what_was_wrong_is_forgotten(database: Database, account: str) -> None:
    one = made(account)
    add_address(database, one)
    with database.transaction() as connection:
        see(connection, [Sighting(Key(account, "worker_hot", "w/too_hot"), "w\nhot")], 1_000_000)
        assert len(interesting(connection, 1_000_000)) == 1
    remove_address(database, account, one.id)
    with database.transaction() as connection:
        assert interesting(connection, 1_000_000) == []


def test_a_disabled_account_is_told_nothing(database: Database, account: str) -> None:
    add_address(database, made(account))
    change_account(database, account, {"disabled": True}, "me", 1)
    with database.transaction() as connection:
        assert all_addresses(connection) == []


def test_failures_in_a_row_pause_it_and_a_test_that_arrives_ends_the_pause(database: Database, account: str) -> None:
    one = made(account)
    add_address(database, one)

    def fails(delivered: bool | None) -> Address:
        with database.transaction() as connection:
            tried(connection, one.id, "words", delivered, 7)
        return get_address(database, account, one.id)

    assert fails(None).failures == 0 and fails(None).status == "words"
    for number in range(1, MOST_FAILURES + 1):
        assert fails(False).failures == number
    assert get_address(database, account, one.id).paused
    note_test(database, one.id, "refused", False, 8)
    assert get_address(database, account, one.id).paused
    note_test(database, one.id, "arrived", True, 8)
    assert not get_address(database, account, one.id).paused


def test_nothing_is_left_of_an_account_that_ends(database: Database, account: str) -> None:
    add_address(database, made(account))
    with database.transaction() as connection:
        forget_account(connection, account)
        assert all_addresses(connection) == []


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (URL, "https://discord.com/…oken"),
        ("https://ntfy.sh/short", "https://ntfy.sh/…"),
        ("https://a.example?token=abcdefghijklmn", "https://a.example/…"),
        ("https://a.example", "https://a.example/…"),
        ("https://a.example:8443/x?auth=0123456789abcdef", "https://a.example:8443/…cdef"),
    ],
)
def test_what_is_shown_of_an_address(url: str, shown: str) -> None:
    assert made("a", url=url).shown == shown
