from coordinator.ledger.earning_days import EARNING_DAYS
from coordinator.ledger.escrow import workers
from coordinator.ledger.pricing import Payee
from coordinator.operating.worker_money import earned_of, totals
from coordinator.store.database import Database
from tests.coordinator.ledger.builders import do, hold, payer, settle


def test_what_workers_earned_is_what_the_ledger_says(database: Database) -> None:
    alice, bob = payer(database, "alice", 1000), payer(database, "bob", 1)
    for number, worker in enumerate(("w", "w", "x")):
        job = f"j{number}"
        do(database, hold(alice, job), settle(alice, job, 60, (Payee(f"{bob.account}/{worker}", bob.account, 40),)))
    said = {row.worker: row.earned_nano for row in workers(database)}
    assert totals(database) == said == {f"{bob.account}/w": 80, f"{bob.account}/x": 40}
    for at_ms in (1, 2, 3_700_000, 3_700_001):  # what is summed up by day counts once
        EARNING_DAYS.roll(database, at_ms)
        assert totals(database) == said
    assert earned_of(database, [f"{bob.account}/x", "nobody/x"]) == {f"{bob.account}/x": 40}
