"""Sessions: rows of `keys` that end."""

import pytest

from coordinator.accounts.accounts import KeyRequest, create_account, create_key
from coordinator.accounts.errors import NotFound
from coordinator.accounts.rows import get_key, list_keys
from coordinator.clock import DAY_MS
from coordinator.identity.errors import Refused
from coordinator.identity.sessions import A_DAY, AT_ONCE, IDLE_MS, WHOLE_MS, open_session, renew_session, sign_out
from coordinator.store.database import Database


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
