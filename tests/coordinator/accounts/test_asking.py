"""Who may not any more has nothing done, whichever replica has not heard of it yet."""

from dataclasses import replace

import pytest
from sqlalchemy import update

from coordinator.accounts.accounts import KeyRequest, create_account, create_key
from coordinator.accounts.asking import By, done_by
from coordinator.accounts.errors import Ended
from coordinator.accounts.rows import KeyRow, list_keys, revoke_key, set_key
from coordinator.store.audit_log import Act, read
from coordinator.store.database import Database
from coordinator.store.tables import accounts

PEPPER = b"p" * 32


def make(database: Database, name: str) -> KeyRow:
    return create_key(database, PEPPER, KeyRequest(name, "alice"), 1)[1]


def asked(database: Database, by: By | None, at_ms: int = 5) -> None:
    done_by(database, by, at_ms, make, "made")


@pytest.fixture
def key(database: Database) -> KeyRow:
    create_account(database, "alice", 1, 0)
    return make(database, "first")


def test_who_may_has_it_done_once(database: Database, key: KeyRow) -> None:
    asked(database, By(key.id, key.account))
    asked(database, None)
    assert sorted(row.name for row in list_keys(database)) == ["first", "made", "made"] and read(database, 9) == []


@pytest.mark.parametrize("how", ["revoked", "disabled", "expired", "another's", "account disabled", "unknown"])
def test_who_may_not_any_more_has_nothing_done(database: Database, key: KeyRow, how: str) -> None:
    by = By(key.id, key.account, act=Act(key.id, "key create", key.account))
    match how:
        case "revoked":
            revoke_key(database, key.id, 2)
        case "disabled":
            set_key(database, key.id, disabled=True)
        case "expired":
            set_key(database, key.id, expires_ms=5)
        case "another's":
            by = replace(by, account=create_account(database, "bob", 1, 0).id)
        case "account disabled":
            with database.transaction() as connection:
                connection.execute(update(accounts).values(disabled=True))
        case _:
            by = replace(by, key="key_none")
    for own in (True, False):
        with pytest.raises(Ended, match="ended meanwhile"):
            asked(database, replace(by, own=own))
    assert [row.name for row in list_keys(database)] == ["first"] and read(database, 9) == []
    asked(database, None)


def test_an_act_is_written_down_with_what_it_did(database: Database, key: KeyRow) -> None:
    by = By(key.id, key.account, own=False, act=Act(key.id, "key create", "acc_other", "made"))
    asked(database, by)
    (deed,) = read(database, 9)
    assert (deed.actor, deed.action, deed.target, deed.at_ms) == (key.id, "key create", "acc_other", 5)
