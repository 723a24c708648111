from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from coordinator.accounts import accounts as accounts_module
from coordinator.accounts.accounts import Accounts, Wish, create_account, create_key, regenerate_key
from coordinator.accounts.api_keys import hash_key, make_key
from coordinator.accounts.rows import KeyLimits, list_keys, revoke_key, set_account
from coordinator.store.database import Database
from coordinator.store.errors import LedgerError
from wire.errors import ErrorCode, SupernetError


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


async def test_an_expired_key_is_refused_at_once_and_its_sockets_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(tmp_path / "c.db")
    key, row = create_key(database, b"p" * 32, Wish("x", expires_ms=1000), 1)
    monkeypatch.setattr(accounts_module, "_now_ms", lambda: 999)
    with ThreadPoolExecutor(1) as thread:
        accounts = Accounts(database, b"p" * 32, thread)
        told: list[frozenset[str]] = []
        accounts.revoked = told.append
        await accounts.refresh()
        assert accounts.authenticate({"api-key": key}, "client").expires_ms == 1000
        monkeypatch.setattr(accounts_module, "_now_ms", lambda: 1000)
        with pytest.raises(SupernetError):
            accounts.authenticate({"api-key": key}, "client")
        assert not accounts.in_use(row.id)
        assert told == []
        await accounts.refresh()
    assert told == [frozenset({row.id})]
    database.close()


async def test_keys_of_a_disabled_account_end_and_come_back_with_it(tmp_path: Path) -> None:
    database = Database(tmp_path / "c.db")
    alice = create_account(database, "alice", 1)
    key, row = create_key(database, b"p" * 32, Wish("x", "alice", limits=KeyLimits(7, 8, 9)), 1)
    with ThreadPoolExecutor(1) as thread:
        accounts = Accounts(database, b"p" * 32, thread)
        told: list[frozenset[str]] = []
        accounts.revoked = told.append
        set_account(database, alice.id, disabled=True)
        await accounts.refresh()
        assert told == [frozenset({row.id})]
        with pytest.raises(SupernetError):
            accounts.authenticate({"api-key": key}, "client")
        set_account(database, alice.id, disabled=False, weight=3.0)
        await accounts.refresh()
        principal = accounts.authenticate({"api-key": key}, "client")
    assert (principal.weight, principal.rpm, principal.tpm, principal.concurrency) == (3.0, 7, 8, 9)
    database.close()


def test_a_regenerated_key_is_like_the_old_one_which_is_dead(tmp_path: Path) -> None:
    database = Database(tmp_path / "c.db")
    wish = Wish("x", scopes=("client",), limits=KeyLimits(rpm=5), expires_ms=9000)
    old, row = create_key(database, b"p" * 32, wish, 1)
    key, new = regenerate_key(database, b"p" * 32, row.id, 2)
    assert (new.name, new.account, new.scopes, new.limits, new.expires_ms) == (
        "x",
        row.account,
        ("client",),
        KeyLimits(rpm=5),
        9000,
    )
    assert key != old
    with ThreadPoolExecutor(1) as thread:
        assert not Accounts(database, b"p" * 32, thread).in_use(row.id)
    with pytest.raises(LedgerError, match="see `key list`"):
        regenerate_key(database, b"p" * 32, row.id, 3)
    database.close()


def test_limits_times_and_names_are_checked_when_a_key_is_made(tmp_path: Path) -> None:
    database = Database(tmp_path / "c.db")
    with pytest.raises(LedgerError, match="at least 1"):
        create_key(database, b"p", Wish("x", limits=KeyLimits(rpm=0)), 1)
    with pytest.raises(LedgerError, match="a time to come"):
        create_key(database, b"p", Wish("x", expires_ms=5), 5)
    for name in ("", " ", "a\nb", "x" * 200):
        with pytest.raises(LedgerError, match="printable"):
            create_account(database, name, 1)
    database.close()
