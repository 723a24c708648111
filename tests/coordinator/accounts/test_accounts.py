import asyncio
from pathlib import Path

import pytest

from coordinator.accounts import accounts as accounts_module
from coordinator.accounts.accounts import Accounts, KeyRequest, create_account, create_key, regenerate_key
from coordinator.accounts.api_keys import hash_key, make_key
from coordinator.accounts.chains import Counter
from coordinator.accounts.errors import AccountError
from coordinator.accounts.rows import KeyLimits, list_keys, revoke_key, set_key
from coordinator.clock import DAY_MS
from coordinator.operating.changes import change_account
from coordinator.store.database import Database
from coordinator.store.store import Store
from wire.errors import ErrorCode, SupernetError


def test_the_key_is_nowhere_on_disk(tmp_path: Path, database_file: Path) -> None:
    database = Database(database_file)
    key, row = create_key(database, b"p" * 32, KeyRequest("mine"), 1)
    database.close()
    assert row.hash == hash_key(b"p" * 32, key)
    assert all(key.encode() not in path.read_bytes() for path in tmp_path.iterdir())


def test_scopes_and_accounts_are_checked_when_a_key_is_made(database_file: Path) -> None:
    database = Database(database_file)
    with pytest.raises(AccountError, match="unknown scope root"):
        create_key(database, b"p", KeyRequest("x", scopes=("root",)), 1)
    with pytest.raises(AccountError, match="no account named 'ghost'"):
        create_key(database, b"p", KeyRequest("x", account="ghost"), 1)
    account = create_account(database, "alice", 1)
    with pytest.raises(AccountError, match="already"):
        create_account(database, "alice", 2)
    assert create_key(database, b"p", KeyRequest("x", account="alice"), 1)[1].account == account.id
    database.close()


def test_a_key_is_checked_for_its_scope_and_says_whose_it_is(database_file: Path) -> None:
    database = Database(database_file)
    key, row = create_key(database, b"p" * 32, KeyRequest("x", scopes=("client",)), 1)
    with Store(database) as store:
        accounts = Accounts(store, b"p" * 32)
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


def test_a_revoked_key_is_not_loaded_and_not_revoked_twice(database_file: Path) -> None:
    database = Database(database_file)
    key, row = create_key(database, b"p" * 32, KeyRequest("x"), 1)
    revoke_key(database, row.id, 2)
    with pytest.raises(AccountError, match="see the list of keys"):
        revoke_key(database, row.id, 3)
    assert list_keys(database)[0].revoked_ms == 2
    with Store(database) as store, pytest.raises(SupernetError):
        Accounts(store, b"p" * 32).authenticate({"authorization": f"Bearer {key}"}, "client")
    database.close()


async def test_an_expired_key_is_refused_at_once_and_its_sockets_are_told(
    database_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(database_file)
    key, row = create_key(database, b"p" * 32, KeyRequest("x", expires_ms=1000), 1)
    monkeypatch.setattr(accounts_module, "now_ms", lambda: 999)
    with Store(database) as store:
        accounts = Accounts(store, b"p" * 32)
        told: list[frozenset[str]] = []
        accounts.revoked = told.append
        await accounts.refresh()
        assert accounts.authenticate({"api-key": key}, "client").expires_ms == 1000
        monkeypatch.setattr(accounts_module, "now_ms", lambda: 1000)
        with pytest.raises(SupernetError):
            accounts.authenticate({"api-key": key}, "client")
        assert not accounts.in_use(row.id)
        assert told == []
        await accounts.refresh()
    assert told == [frozenset({row.id})]
    database.close()


async def test_keys_of_a_disabled_account_end_and_come_back_with_it(database_file: Path) -> None:
    database = Database(database_file)
    alice = create_account(database, "alice", 1)
    key, row = create_key(database, b"p" * 32, KeyRequest("x", "alice", limits=KeyLimits(7, 8, 9)), 1)
    with Store(database) as store:
        accounts = Accounts(store, b"p" * 32)
        told: list[frozenset[str]] = []
        accounts.revoked = told.append
        change_account(database, alice.id, {"disabled": True}, "me", 1)
        await accounts.refresh()
        assert told == [frozenset({row.id})]
        with pytest.raises(SupernetError):
            accounts.authenticate({"api-key": key}, "client")
        change_account(database, alice.id, {"disabled": False, "weight": 3.0}, "me", 2)
        await accounts.refresh()
        principal = accounts.authenticate({"api-key": key}, "client")
    assert (principal.weight, principal.limits) == (3.0, KeyLimits(7, 8, 9))
    database.close()


def test_a_regenerated_key_is_like_the_old_one_which_is_dead(database_file: Path) -> None:
    database = Database(database_file)
    wanted = KeyRequest("x", scopes=("client",), limits=KeyLimits(rpm=5), expires_ms=9000)
    old, row = create_key(database, b"p" * 32, wanted, 1)
    key, new = regenerate_key(database, b"p" * 32, row.id, 2)
    assert (new.name, new.account, new.scopes, new.limits, new.expires_ms) == (
        "x",
        row.account,
        ("client",),
        KeyLimits(rpm=5),
        9000,
    )
    assert key != old
    with Store(database) as store:
        assert not Accounts(store, b"p" * 32).in_use(row.id)
    with pytest.raises(AccountError, match="see the list of keys"):
        regenerate_key(database, b"p" * 32, row.id, 3)
    database.close()


def test_limits_times_and_names_are_checked_when_a_key_is_made(database_file: Path) -> None:
    database = Database(database_file)
    with pytest.raises(AccountError, match="at least 1"):
        create_key(database, b"p", KeyRequest("x", limits=KeyLimits(rpm=0)), 1)
    with pytest.raises(AccountError, match="a time to come"):
        create_key(database, b"p", KeyRequest("x", expires_ms=5), 5)
    for name in ("", " ", "a\nb", "x" * 200):
        with pytest.raises(AccountError, match="printable"):
            create_account(database, name, 1)
    database.close()


def test_an_account_makes_and_renews_a_bounded_number_of_keys_a_day(
    database_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, one key renewed itself 172,800 times a day, and each change read all that had ended once more."""
    monkeypatch.setattr(accounts_module, "MADE_A_DAY", 5)
    database = Database(database_file)
    request = KeyRequest("mine", parent="own", most=100)
    _, row = create_key(database, b"p", request, 1)
    by = (Counter(row.id, KeyLimits()),)
    for at_ms in range(2, 6):
        _, row = regenerate_key(database, b"p", row.id, at_ms, by)
    with pytest.raises(AccountError, match="at most 5 keys a day"):
        regenerate_key(database, b"p", row.id, 6, by)
    with pytest.raises(AccountError, match="at most 5 keys a day"):
        create_key(database, b"p", request, 6)
    assert len(list_keys(database)) == 5 and list_keys(database)[-1].revoked_ms is None
    create_account(database, "another", 6)
    create_key(database, b"p", KeyRequest("x", account="another", parent="own", most=100), 6)
    _, row = regenerate_key(database, b"p", row.id, 7)  # the operator's own hand
    create_key(database, b"p", request, 8 + DAY_MS)
    database.close()


async def test_a_change_is_announced_and_who_is_told_looks_at_once(
    database_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The poll each second stays; were it the only way, this would wait for an hour."""
    monkeypatch.setattr(accounts_module, "REFRESH_S", 3600.0)
    database = Database(database_file)
    key, row = create_key(database, b"p" * 32, KeyRequest("x"), 1)
    with Store(database) as store:
        here, there = Accounts(store, b"p" * 32), Accounts(store, b"p" * 32)
        here.changed = there.look_now
        ended: asyncio.Future[frozenset[str]] = asyncio.get_running_loop().create_future()
        there.revoked = ended.set_result
        polling = asyncio.create_task(there.run())
        await here.revoke(None, row.id)
        assert await ended == frozenset({row.id})
        with pytest.raises(SupernetError):
            there.authenticate({"api-key": key}, "client")
        polling.cancel()
    database.close()


async def test_a_disabled_key_ends_as_a_revoked_one_says_so_and_comes_back(database_file: Path) -> None:
    database = Database(database_file)
    key, row = create_key(database, b"p" * 32, KeyRequest("x"), 1)
    with Store(database) as store:
        accounts = Accounts(store, b"p" * 32)
        told: list[frozenset[str]] = []
        accounts.revoked = told.append
        assert (await accounts.set(None, row.id, disabled=True)).disabled
        assert told == [frozenset({row.id})] and not accounts.in_use(row.id)
        with pytest.raises(SupernetError, match="is disabled: its owner enables it again") as caught:
            accounts.authenticate({"api-key": key}, "client")
        assert caught.value.code is ErrorCode.INVALID_API_KEY
        set_key(database, row.id, disabled=False)  # another process
        await accounts.refresh()
        assert accounts.authenticate({"api-key": key}, "client").key == row.id
        assert accounts.last_use.due(0).keys() == {row.id}
        await accounts.set(None, row.id, disabled=True)
        again, _ = await accounts.regenerate(None, row.id, ())
        assert accounts.authenticate({"api-key": again}, "client")
        with pytest.raises(AccountError, match="see the list of keys"):
            await accounts.set(None, row.id, disabled=False)
    database.close()


def test_a_regenerated_key_keeps_its_caps_and_whose_it_is(database_file: Path) -> None:
    database = Database(database_file)
    wanted = KeyRequest("x", parent="p", by_person=True, limits=KeyLimits(cap_day_nano=5, cap_month_nano=6))
    _, row = create_key(database, b"p" * 32, wanted, 1)
    _, new = regenerate_key(database, b"p" * 32, row.id, 2, (Counter(row.id, row.limits),))
    assert (new.limits, new.counted_as, new.parent, new.by_person) == (row.limits, row.id, "p", True)
    database.close()
