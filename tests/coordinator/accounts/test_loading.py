from coordinator.accounts.accounts import KeyRequest, create_account, create_key
from coordinator.accounts.loading import load
from coordinator.accounts.rows import set_key
from coordinator.operating.changes import change_account
from coordinator.store.database import Database


def test_what_is_held_in_memory_are_the_keys_that_work_and_the_hashes_of_disabled_ones(database: Database) -> None:
    create_account(database, "alice", 1)
    rows = [create_key(database, b"p" * 32, KeyRequest(name, "alice"), 1)[1] for name in ("on", "off")]
    set_key(database, rows[1].id, disabled=True)
    loaded = load(database, 2)
    assert [principal.key for principal in loaded.in_use.values()] == [rows[0].id]
    assert loaded.disabled == {rows[1].hash}
    change_account(database, rows[0].account, {"disabled": True}, "me", 1)
    assert load(database, 2).disabled == set()
