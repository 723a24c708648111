from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from coordinator.accounts.errors import AccountError
from coordinator.accounts.rows import (
    AccountRow,
    KeyRow,
    add_account,
    add_key,
    find_account,
    list_accounts,
    list_keys,
    revision_of,
    revoke_key,
)
from coordinator.operating.changes import change_account
from coordinator.store.database import Database

ALICE = AccountRow("acc_1", "alice", 10)
KEY = KeyRow("key_1", "acc_1", "laptop", "ab12", "sk-sn-...", ("client", "worker"), 20)


def _add(database: Database, add: Callable[..., None], row: Any) -> None:
    with database.transaction() as connection:
        add(connection, row)


def test_rows_come_back_as_they_went_in(database_file: Path) -> None:
    database = Database(database_file)
    _add(database, add_account, ALICE)
    _add(database, add_key, KEY)
    assert find_account(database, "alice") == find_account(database, "acc_1") == ALICE
    assert find_account(database, "alice' OR '1'='1") is None
    assert list_accounts(database) == [ALICE]
    assert list_keys(database) == [KEY]
    database.close()


def test_a_key_belongs_to_an_account_that_exists_and_its_hash_is_unique(database_file: Path) -> None:
    database = Database(database_file)
    with pytest.raises(IntegrityError):
        _add(database, add_key, KEY)
    _add(database, add_account, ALICE)
    _add(database, add_key, KEY)
    with pytest.raises(IntegrityError):
        _add(database, add_key, replace(KEY, id="key_2"))
    database.close()


def test_revoking_is_for_keys_in_use(database_file: Path) -> None:
    database = Database(database_file)
    _add(database, add_account, ALICE)
    _add(database, add_key, KEY)
    revoke_key(database, "key_1", 99)
    assert list_keys(database)[0].revoked_ms == 99
    for unknown in ("key_1", "key_2"):
        with pytest.raises(AccountError):
            revoke_key(database, unknown, 100)
    database.close()


def test_every_change_is_counted_whoever_makes_it(database_file: Path) -> None:
    database, other = Database(database_file), Database(database_file)
    numbers = [revision_of(other)]
    _add(database, add_account, ALICE)
    numbers.append(revision_of(other))
    _add(database, add_key, KEY)
    numbers.append(revision_of(other))
    change_account(database, ALICE.id, {"weight": 2.0}, "me", 1)
    numbers.append(revision_of(other))
    revoke_key(database, KEY.id, 1)
    numbers.append(revision_of(other))
    assert numbers == sorted(set(numbers))
    other.close()
    database.close()
