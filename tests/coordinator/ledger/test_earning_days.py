"""What an owner's page shows is what the ledger says, to the nano-dollar, however far the days have been added up."""

import random
from dataclasses import replace

from sqlalchemy import func, select

from coordinator.clock import DAY_MS
from coordinator.ledger.earning_days import EARNING_DAYS, WorkerDay, read
from coordinator.ledger.escrow import Terms, mature
from coordinator.ledger.grants import balances_of, grant
from coordinator.ledger.orders import Settle
from coordinator.ledger.pricing import Payee
from coordinator.store.database import Database
from coordinator.store.roll_up import look
from coordinator.store.tables import earnings, entries
from tests.coordinator.ledger.builders import Client, client, do, hold, usage
from tests.coordinator.store.rolled_up import rolled_up


def served(database: Database, who: Client, owner: Client, job: str, at_ms: int, worker: str = "w") -> None:
    """A job of 100 nano-dollars, of which the worker gets 71."""
    payee = Payee(f"{owner.account}/{worker}", owner.account, 71)
    row = usage(who, job, 100, at_ms, worker=payee.worker)
    do(database, hold(who, job, 100), Settle(job, 100, (payee,), (row,), at_ms))


def booked(database: Database, account: str) -> int:
    """All that ever came into the account's escrow."""
    into = (entries.c.owner == account, entries.c.kind == "escrow", entries.c.nano > 0)
    return int(database.query(select(func.coalesce(func.sum(entries.c.nano), 0)).where(*into))[0][0])


def test_the_days_are_the_ledgers_while_rows_mature_and_move_into_the_sums(database: Database) -> None:
    draw, small = random.Random(3), replace(EARNING_DAYS, batch=3)
    owners = [client(database, "bob", 0), client(database, "eve", 0)]
    alice = client(database, spark_nano=1500)
    do(database, grant(alice.account, "sogni", 90_000, 1, "deposit", ""))  # some jobs are paid in both
    for n in range(40):
        at = draw.choice((38, 39, 40)) * DAY_MS + draw.randrange(DAY_MS)
        served(database, alice, draw.choice(owners), f"j{n}", at, draw.choice(("w", "gone")))
        for _ in range(draw.choice((0, 1, 5))):
            small.roll_up.roll(database, look(database, earnings).last, 0)
        if n % 9 == 0:
            mature(database, Terms(0.0, 0), 39 * DAY_MS)
        for owner in owners:
            days = read(database, owner.account, 0)
            have = balances_of(database, owner.account)
            assert sum(day.nano for day in days) == booked(database, owner.account)
            assert sum(day.escrow for day in days) == sum(each.escrow for each in have.values())
            matured = sum(day.given - day.escrow_given for day in days)
            assert matured == sum(each.credit for each in have.values())
    rows = [day for owner in owners for day in read(database, owner.account, 0)]
    assert (sum(row.jobs for row in rows), sum(row.completion for row in rows)) == (40, 120)
    rolled_up(database, small.roll_up)
    assert [day for owner in owners for day in read(database, owner.account, 0)] == rows


def test_a_job_that_was_paid_in_two_currencies_is_one_job(database: Database) -> None:
    alice, bob = client(database, spark_nano=40), client(database, "bob", 0)
    do(database, grant(alice.account, "sogni", 60, 1, "deposit", ""))
    served(database, alice, bob, "j", 2 * DAY_MS)
    (row,) = read(database, bob.account, 0)
    assert row == WorkerDay(2, f"{bob.account}/w", 1, 10, 3, 0, 71, row.given, 71, row.given)
    assert row.given == 40 and sum(each.escrow for each in balances_of(database, bob.account).values()) == 71


def test_days_and_workers_that_were_not_asked_for_are_not_told(database: Database) -> None:
    alice, bob = client(database, spark_nano=10_000), client(database, "bob", 0)
    for day, worker in ((1, "w"), (2, "w"), (2, "gone")):
        served(database, alice, bob, f"{day}{worker}", day * DAY_MS, worker)
    mine = f"{bob.account}/gone"
    assert [(row.day, row.worker) for row in read(database, bob.account, 2)] == [(2, mine), (2, f"{bob.account}/w")]
    assert [(row.day, row.nano) for row in read(database, bob.account, 0, mine)] == [(2, 71)]
    assert read(database, alice.account, 0) == []
