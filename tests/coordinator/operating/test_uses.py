from coordinator.clock import DAY_MS
from coordinator.ledger.pricing import Payee
from coordinator.operating.uses import last_seen, used_since, worker_keys
from coordinator.store.database import Database
from tests.coordinator.ledger.builders import do, hold, payer, settle


def test_use_and_workers_of_all_accounts(database: Database) -> None:
    alice, bob = payer(database, "alice", 1000), payer(database, "bob", 1)
    for number in range(3):
        job = f"j{number}"
        do(database, hold(alice, job), settle(alice, job, 60, (Payee("acc/w", bob.account, 4),), 20 + number))
    assert used_since(database, 0) == {alice.account: (3, 180)} and used_since(database, DAY_MS) == {}
    assert last_seen(database) == {alice.account: 20}
    assert worker_keys(database) == ["acc/w"]
