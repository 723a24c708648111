from sqlalchemy import select

from coordinator.clock import DAY_MS
from coordinator.ledger.audit import check
from coordinator.ledger.escrow import Earned, Terms, WorkerRow, earned, mature, workers
from coordinator.ledger.grants import Balance, grant
from coordinator.ledger.pricing import Payee
from coordinator.store.database import Database
from coordinator.store.tables import earnings
from tests.coordinator.ledger.builders import Client, client, do, hold, payer, settle, spark


def earn(database: Database, alice: Client, bob: Client, job: str, at_ms: int) -> None:
    payee = Payee(f"{bob.account}/w", bob.account, 6)
    do(database, hold(alice, job, 10), settle(alice, job, 10, (payee,), at_ms))


def test_earnings_are_the_owners_after_a_while(database: Database) -> None:
    alice, bob = payer(database), client(database, "bob", 0)
    for n, at_ms in enumerate((1000, 2000, 5000)):
        earn(database, alice, bob, f"j{n}", at_ms)
    assert mature(database, Terms(2.0, 0), 2999) == 0
    assert mature(database, Terms(2.0, 0), 4000) == 2
    assert spark(database, bob) == Balance(escrow=6, earned=12)
    assert mature(database, Terms(2.0, 0), 4000) == 0
    earn(database, alice, bob, "tomorrow", DAY_MS + 1)
    assert earned(database, [bob.account, alice.account], 0)[bob.account].today == 24
    assert earned(database, [bob.account, alice.account], 1) == {
        bob.account: Earned(12, 12, 0, 6),
        alice.account: Earned(0, 0, 0, 0),
    }


def test_a_newcomer_waits_until_it_has_earned_with_enough_jobs(database: Database) -> None:
    alice, bob = client(database), client(database, "bob", 0)
    earn(database, alice, bob, "j0", 10)
    assert mature(database, Terms(0.0, 2), 1000) == 0
    earn(database, alice, bob, "j1", 20)
    assert mature(database, Terms(0.0, 2), 1000) == 2


def test_a_job_that_was_paid_in_two_currencies_is_one_and_a_newcomer_holds_up_nobody(database: Database) -> None:
    alice, bob, carol = payer(database, spark_nano=500), client(database, "bob", 0), client(database, "carol", 0)
    do(database, grant(alice.account, "sogni", 5000, 1, "deposit", ""))
    for who, job in ((bob, "j"), (carol, "k"), (carol, "l")):
        payee = Payee(f"{who.account}/w", who.account, 900)
        do(database, hold(alice, job, 1000), settle(alice, job, 1000, (payee,), 10))
    rows = database.query(select(earnings.c.job).where(earnings.c.account == bob.account))
    assert [row.job for row in rows] == ["j", "j"]
    assert mature(database, Terms(0.0, 2), 1000) == 2
    assert [spark(database, who).escrow for who in (bob, carol)] == [500, 0]
    assert mature(database, Terms(0.0, 2), 1000) == 0
    assert check(database) == []


def test_workers_that_earned_are_listed_the_last_one_first(database: Database) -> None:
    alice, bob = client(database), client(database, "bob", 0)
    assert workers(database) == []
    earn(database, alice, bob, "j0", 1000)
    earn(database, alice, bob, "j1", 5000)
    mature(database, Terms(2.0, 0), 4000)
    other = Payee(f"{bob.account}/other", bob.account, 6)
    do(database, hold(alice, "j2", 10), settle(alice, "j2", 10, (other,), 7000))
    assert workers(database) == [
        WorkerRow(f"{bob.account}/other", bob.account, 1, 6, 6, 7000),
        WorkerRow(f"{bob.account}/w", bob.account, 2, 12, 6, 5000),
    ]
