from coordinator.operating.names import names_of
from coordinator.store.database import Database
from tests.coordinator.ledger.builders import client


def test_accounts_keys_and_workers_are_named_and_others_not(database: Database) -> None:
    alice = client(database)
    worker = f"{alice.account}/w1"
    assert names_of(database, [alice.account, alice.key, worker, "acc_none", "command line"]) == {
        alice.account: "alice",
        alice.key: "k",
        worker: "alice",
    }
    assert names_of(database, []) == {}
