"""Sessions: rows of `keys` that end."""

from dataclasses import replace

import pytest

from coordinator.accounts import accounts
from coordinator.accounts.accounts import KeyRequest, create_account, create_key
from coordinator.accounts.errors import NotFound
from coordinator.accounts.rows import get_key, list_in_place, list_keys
from coordinator.clock import DAY_MS
from coordinator.identity import sessions
from coordinator.identity.errors import Refused
from coordinator.identity.sessions import (
    A_DAY,
    AT_ONCE,
    IDLE_MS,
    WHOLE_MS,
    clean,
    open_session,
    renew_session,
    sign_out,
)
from coordinator.store.database import Database
from tests.coordinator.ledger.builders import do, hold, payer


def opened(database: Database, account: str, at_ms: int) -> str:
    with database.transaction() as connection:
        row = open_session(connection, account, f"hash {at_ms}", list_keys(database, account), at_ms)
    return row.id


def live(database: Database, account: str) -> list[str]:
    return [row.id for row in list_keys(database, account) if row.session_ends_ms and row.revoked_ms is None]


def test_a_session_is_counted_with_the_first_key_and_is_none_itself(database: Database) -> None:
    account = create_account(database, "alice", 0).id
    _, key = create_key(database, b"p", KeyRequest("k", account), 1)
    session = opened(database, account, 5)
    (row,) = [one for one in list_keys(database, account) if one.id == session]
    assert (row.counters, row.expires_ms, row.session_ends_ms) == (key.id, 5 + IDLE_MS, 5 + WHOLE_MS)
    with pytest.raises(NotFound):
        get_key(database, session)


def test_a_session_in_use_goes_on_until_its_end(database: Database) -> None:
    account = create_account(database, "alice", 0).id
    session = opened(database, account, 0)
    renew_session(database, session, 3 * DAY_MS)
    assert list_keys(database, account)[0].expires_ms == 3 * DAY_MS + IDLE_MS
    renew_session(database, session, 29 * DAY_MS)
    assert list_keys(database, account)[0].expires_ms == WHOLE_MS
    sign_out(database, account, session, 29 * DAY_MS)
    assert live(database, account) == []


def test_one_more_ends_the_oldest_and_a_day_has_a_bound(database: Database) -> None:
    account = create_account(database, "alice", 0).id
    made = [opened(database, account, at) for at in range(1, AT_ONCE + 3)]
    assert live(database, account) == made[2:]
    for at in range(AT_ONCE + 3, A_DAY + 1):
        opened(database, account, at)
    with pytest.raises(Refused, match="a day"):
        opened(database, account, A_DAY + 1)


def test_a_session_that_is_over_is_read_no_more_and_deleted(database: Database) -> None:
    """Before, each was kept for ever, and read at every change of a key."""
    account = create_account(database, "alice", 0).id
    _, key = create_key(database, b"p", KeyRequest("k", account), 1)
    signed_out, idle, live_on = (opened(database, account, at) for at in (5, 6, 7))
    sign_out(database, account, signed_out, 8)
    renew_session(database, live_on, DAY_MS)
    at_ms = 6 + IDLE_MS
    assert [row.id for row in list_in_place(database, 9)] == [key.id, idle, live_on]
    assert [row.id for row in list_in_place(database, at_ms)] == [key.id, live_on]
    assert clean(database, 7) == 0
    assert clean(database, 8) == 1
    assert clean(database, at_ms) == 1
    assert [row.id for row in list_keys(database, account)] == [key.id, live_on]


def test_a_session_that_others_are_counted_with_stays_in_its_place(database: Database) -> None:
    account = create_account(database, "alice", 0).id
    first, second = opened(database, account, 5), opened(database, account, 6)
    assert clean(database, 6 + WHOLE_MS) == 1
    assert [row.id for row in list_in_place(database, 6 + WHOLE_MS)] == [first] and second != first


def test_sessions_that_are_over_are_deleted_a_few_at_a_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "MOST_CLEANED", 2)
    account = create_account(database, "alice", 0).id
    create_key(database, b"p", KeyRequest("k", account), 1)
    for at_ms in range(5, 8):
        opened(database, account, at_ms)
    assert [clean(database, WHOLE_MS) for _ in range(3)] == [2, 1, 0]


def test_a_session_that_has_been_used_stays_for_the_books(database: Database) -> None:
    alice = payer(database)
    session = opened(database, alice.account, 5)
    do(database, hold(replace(alice, key=session)))
    assert clean(database, WHOLE_MS) == 0


def test_sessions_are_no_keys_that_an_account_makes(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before, who signed in often could make no key that day."""
    monkeypatch.setattr(accounts, "MADE_A_DAY", 2)
    account = create_account(database, "alice", 0).id
    for at_ms in range(5, 8):
        opened(database, account, at_ms)
    create_key(database, b"p", KeyRequest("k", account, most=100), 9)
