from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from coordinator.ledger.database import Database, LedgerError
from coordinator.ledger.keys import (
    AccountRow,
    KeyRow,
    add_account,
    add_key,
    find_account,
    list_accounts,
    list_keys,
    revoke_key,
)

ALICE = AccountRow("acc_1", "alice", 10)
KEY = KeyRow("key_1", "acc_1", "laptop", "ab12", "sk-sn-...", ("client", "worker"), 20)


def test_rows_come_back_as_they_went_in(tmp_path: Path) -> None:
    database = Database(tmp_path / "c.db")
    add_account(database, ALICE)
    add_key(database, KEY)
    assert find_account(database, "alice") == ALICE
    assert find_account(database, "alice' OR '1'='1") is None
    assert list_accounts(database) == [ALICE]
    assert list_keys(database) == [KEY]
    database.close()


def test_a_key_belongs_to_an_account_that_exists_and_its_hash_is_unique(tmp_path: Path) -> None:
    database = Database(tmp_path / "c.db")
    with pytest.raises(IntegrityError):
        add_key(database, KEY)
    add_account(database, ALICE)
    add_key(database, KEY)
    with pytest.raises(IntegrityError):
        add_key(database, KeyRow("key_2", *tuple(KEY.__dict__.values())[1:]))
    database.close()


def test_revoking_is_for_keys_in_use(tmp_path: Path) -> None:
    database = Database(tmp_path / "c.db")
    add_account(database, ALICE)
    add_key(database, KEY)
    revoke_key(database, "key_1", 99)
    assert list_keys(database)[0].revoked_ms == 99
    for unknown in ("key_1", "key_2"):
        with pytest.raises(LedgerError):
            revoke_key(database, unknown, 100)
    database.close()
