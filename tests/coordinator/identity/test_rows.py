"""Passkeys, codes, invites and counts in both databases."""

import pytest

from coordinator.accounts.accounts import create_account
from coordinator.clock import DAY_MS
from coordinator.identity.errors import Refused
from coordinator.identity.rows import (
    A_DAY,
    PasskeyRow,
    add_invite,
    add_passkey,
    codes_left,
    count_signup,
    list_invites,
    live_invite,
    new_invite,
    passkey,
    passkeys_of,
    remove_passkey,
    replace_codes,
    revoke_invite,
    spend_challenge,
    use_code,
    use_invite,
)
from coordinator.identity.tokens import Tokens
from coordinator.store.database import Database

TOKENS = Tokens(b"p" * 32)


@pytest.fixture
def account(database: Database) -> str:
    return create_account(database, "alice", 0).id


def test_the_last_passkey_stays(database: Database, account: str) -> None:
    for name in ("a", "b"):
        with database.transaction() as connection:
            add_passkey(connection, PasskeyRow(name, account, name, b"key", 0, 5))
    with pytest.raises(Refused, match="in use already"), database.transaction() as connection:
        add_passkey(connection, PasskeyRow("a", account, "again", b"key", 0, 5))
    remove_passkey(database, account, "a", "", 6)
    with pytest.raises(Refused, match="only passkey"):
        remove_passkey(database, account, "b", "", 6)
    with pytest.raises(Refused, match="no such"):
        remove_passkey(database, "acc_other", "b", "", 6)
    assert [row.id for row in passkeys_of(database, account)] == ["b"] and passkey(database, "a") is None


def test_a_code_lets_in_once_and_new_ones_end_the_old(database: Database, account: str) -> None:
    replace_codes(database, account, ["1", "2"], "", 5)
    with database.transaction() as connection:
        assert use_code(connection, "1", 6) == account
    assert codes_left(database, account) == 1
    with pytest.raises(Refused), database.transaction() as connection:
        use_code(connection, "1", 7)
    replace_codes(database, account, ["3"], "", 8)
    with pytest.raises(Refused), database.transaction() as connection:
        use_code(connection, "2", 9)


def test_an_invite_is_live_until_it_is_used_revoked_or_old(database: Database, account: str) -> None:
    _, used = new_invite(TOKENS, 0, 1, "used", made_by=account)
    _, ended = new_invite(TOKENS, 0, 1, "ended", made_by=account)
    _, old = new_invite(TOKENS, -5 * DAY_MS, 1, "old")
    for row in (used, ended, old):
        add_invite(database, row)
    assert live_invite(database, used.hash, 1).id == used.id
    with database.transaction() as connection:
        use_invite(connection, used.id, account, 1)
    revoke_invite(database, ended.id, 1, account)
    for row in (used, ended, old):
        with pytest.raises(Refused):
            live_invite(database, row.hash, 1)
        with pytest.raises(Refused), database.transaction() as connection:
            use_invite(connection, row.id, account, 1)
    assert {row.note: row.state(1) for row in list_invites(database)} == {
        "used": "used",
        "ended": "revoked",
        "old": "expired",
    }


def test_an_account_makes_so_many_invites_and_revokes_its_own(database: Database, account: str) -> None:
    rows = [new_invite(TOKENS, 0, 1, "", made_by=account)[1] for _ in range(3)]
    add_invite(database, rows[0], 2)
    add_invite(database, rows[1], 2)
    with pytest.raises(Refused, match="may make 2"):
        add_invite(database, rows[2], 2)
    with pytest.raises(Refused):
        revoke_invite(database, rows[0].id, 1, "acc_other")


def test_a_challenge_is_spent_once_and_forgotten_after_its_time(database: Database) -> None:
    with database.transaction() as connection:
        spend_challenge(connection, "c", 100, 5)
    with pytest.raises(Refused, match="already"), database.transaction() as connection:
        spend_challenge(connection, "c", 100, 6)
    with database.transaction() as connection:
        spend_challenge(connection, "c", 300, 101)


def test_sign_ups_are_counted_by_range_and_day(database: Database) -> None:
    def sign_up(place: str, day: int) -> None:
        with database.transaction() as connection:
            count_signup(connection, place, day * DAY_MS)

    for _ in range(A_DAY):
        sign_up("here", 7)
    with pytest.raises(Refused, match="tomorrow"):
        sign_up("here", 7)
    sign_up("there", 7)
    sign_up("here", 8)
