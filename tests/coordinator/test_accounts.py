import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.accounts import (
    Accounts,
    Wish,
    bearer,
    create_account,
    create_key,
    hash_key,
    make_key,
    read_pepper,
    well_formed,
)
from coordinator.ledger.database import Database, LedgerError
from coordinator.ledger.keys import list_keys, revoke_key
from wire.errors import ErrorCode, SupernetError


@given(st.binary(min_size=32, max_size=32))
def test_every_key_is_well_formed_and_every_typing_error_is_seen(random: bytes) -> None:
    key = make_key(random)
    assert well_formed(key)
    assert len(key) == 55
    for place in (6, 20, 48, 49, 54):
        other = "a" if key[place] != "a" else "b"
        assert not well_formed(key[:place] + other + key[place + 1 :])


@pytest.mark.parametrize("garbage", ["", "sk-sn-", "sk-sn-" + "a" * 49, "x" * 56, "sk-sn-é" + "a" * 48, "sk-" * 5000])
def test_garbage_is_no_key(garbage: str) -> None:
    assert not well_formed(garbage)


def test_different_randomness_gives_different_keys() -> None:
    assert len({make_key(secrets.token_bytes(32)) for _ in range(100)}) == 100


def test_the_key_is_taken_from_either_header() -> None:
    assert bearer({"authorization": "Bearer k"}) == "k"
    assert bearer({"authorization": "bearer  k "}) == "k"
    assert bearer({"api-key": "k"}) == "k"
    assert bearer({"authorization": "Basic k"}) is None
    assert bearer({"authorization": "Bearer "}) is None
    assert bearer({}) is None


def test_the_secret_is_made_once_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    db = tmp_path / "c.db"
    first = read_pepper(db)
    assert len(first) == 32
    assert read_pepper(db) == first
    assert (tmp_path / "c.db.pepper").stat().st_mode & 0o777 == 0o600


def test_the_key_is_nowhere_on_disk(tmp_path: Path) -> None:
    database = Database(tmp_path / "c.db")
    key, row = create_key(database, b"p" * 32, Wish("mine"), 1)
    database.close()
    assert row.hash == hash_key(b"p" * 32, key)
    assert all(key.encode() not in path.read_bytes() for path in tmp_path.iterdir())


def test_scopes_and_accounts_are_checked_when_a_key_is_made(tmp_path: Path) -> None:
    database = Database(tmp_path / "c.db")
    with pytest.raises(LedgerError, match="unknown scope root"):
        create_key(database, b"p", Wish("x", scopes=("root",)), 1)
    with pytest.raises(LedgerError, match="no account named 'ghost'"):
        create_key(database, b"p", Wish("x", account="ghost"), 1)
    account = create_account(database, "alice", 1)
    with pytest.raises(LedgerError, match="already"):
        create_account(database, "alice", 2)
    assert create_key(database, b"p", Wish("x", account="alice"), 1)[1].account == account.id
    database.close()


def test_a_key_is_checked_for_its_scope_and_says_whose_it_is(tmp_path: Path) -> None:
    database = Database(tmp_path / "c.db")
    key, row = create_key(database, b"p" * 32, Wish("x", scopes=("client",)), 1)
    with ThreadPoolExecutor(1) as thread:
        accounts = Accounts(database, b"p" * 32, thread)
    headers = {"authorization": f"Bearer {key}"}
    principal = accounts.authenticate(headers, "client")
    assert (principal.key, principal.account, principal.scopes) == (row.id, row.account, ("client",))
    assert accounts.in_use(row.id)
    with pytest.raises(SupernetError) as caught:
        accounts.authenticate(headers, "worker")
    assert caught.value.code is ErrorCode.PERMISSION_DENIED
    for wrong in ({}, {"authorization": "Bearer " + make_key(b"z" * 32)}):
        with pytest.raises(SupernetError) as caught:
            accounts.authenticate(wrong, "client")
        assert caught.value.code is ErrorCode.INVALID_API_KEY
    database.close()


def test_a_revoked_key_is_not_loaded_and_not_revoked_twice(tmp_path: Path) -> None:
    database = Database(tmp_path / "c.db")
    key, row = create_key(database, b"p" * 32, Wish("x"), 1)
    revoke_key(database, row.id, 2)
    with pytest.raises(LedgerError, match="see `key list`"):
        revoke_key(database, row.id, 3)
    assert list_keys(database)[0].revoked_ms == 2
    with ThreadPoolExecutor(1) as thread, pytest.raises(SupernetError):
        Accounts(database, b"p" * 32, thread).authenticate({"authorization": f"Bearer {key}"}, "client")
    database.close()
