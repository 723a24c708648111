from coordinator.ledger.earning_days import EARNING_DAYS
from coordinator.ledger.escrow import workers
from coordinator.ledger.pricing import Payee
from coordinator.operating.worker_money import earned_of, totals
from coordinator.store.database import Database
from tests.coordinator.ledger.builders import do, hold, payer, settle
from tests.coordinator.store.rolled_up import rolled_up


def test_what_workers_earned_is_what_the_ledger_says(database: Database) -> None:
    alice, bob = payer(database, "alice", 1000), payer(database, "bob", 1)
    for number, worker in enumerate(("w", "w", "x")):
        job = f"j{number}"
        do(database, hold(alice, job), settle(alice, job, 60, (Payee(f"{bob.account}/{worker}", bob.account, 40),)))
    said = {row.worker: row.earned_nano for row in workers(database)}
    assert totals(database) == said == {f"{bob.account}/w": 80, f"{bob.account}/x": 40}
    rolled_up(database, EARNING_DAYS.roll_up)
    assert totals(database) == said, "what is summed up by day counts once"
    assert earned_of(database, [f"{bob.account}/x", "nobody/x"]) == {f"{bob.account}/x": 40}
