"""Caps in the database: whoever asks at once, on either engine, together they pass none."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Thread

import pytest
from sqlalchemy import select, text

from coordinator.clock import DAY_MS
from coordinator.ledger.audit import check
from coordinator.ledger.orders import Capped, Counted, Done, Held, Insufficient
from coordinator.ledger.recovery import sweep
from coordinator.ledger.spend_rows import _PURSES, Spent, forget, kept_since, spent_of
from coordinator.store.database import Database
from coordinator.store.tables import key_spend
from tests.coordinator.ledger.builders import client, do, hold, settle

NOON = 1_796_126_400_000  # 2026-12-01T12:00Z
FREE = 10**12


def test_a_hold_counts_until_its_end_says_what_it_cost(database: Database) -> None:
    alice = client(database, spark_nano=FREE)
    asked = hold(alice, nano=100, at_ms=NOON, counted=(Counted(alice.key, 150, None),))
    assert isinstance(do(database, asked)[0], Held)
    assert spent_of(database, alice.account, NOON) == {alice.key: Spent(100, 100)}
    assert do(database, replace(asked, job="more")) == [Capped(alice.key, "day", 150, 100)]
    assert isinstance(do(database, asked)[0], Held), "the same again is the same"
    assert do(database, settle(alice, charge=60, at_ms=NOON + DAY_MS)) == [Done()]
    assert spent_of(database, alice.account, NOON) == {alice.key: Spent(60, 60)}
    assert spent_of(database, alice.account, NOON + DAY_MS) == {alice.key: Spent(0, 60)}
    assert do(database, replace(asked, job="more")) == [Capped(alice.key, "day", 150, 60)]
    assert isinstance(do(database, replace(asked, job="more", at_ms=NOON + DAY_MS))[0], Held), "a new day"
    do(database, settle(alice, "more", 0))
    assert spent_of(database, alice.account, NOON + DAY_MS) == {alice.key: Spent(0, 60)}


def test_what_a_request_is_refused_for_costs_no_cap(database: Database) -> None:
    alice = client(database, spark_nano=50)
    counted = (Counted(alice.key), Counted("above", 150))
    assert do(database, hold(alice, at_ms=NOON, counted=counted)) == [Insufficient(50)]
    assert database.query(select(key_spend)) == []


def test_a_forgotten_hold_gives_back_what_it_held_of_a_cap(database: Database) -> None:
    alice = client(database, spark_nano=FREE)
    do(database, hold(alice, at_ms=NOON, deadline_ms=NOON + 1, counted=(Counted(alice.key, 150),)))
    assert sweep(database, 7000, NOON + 2, ()) == 1
    assert spent_of(database, alice.account, NOON) == {alice.key: Spent()}


def test_what_was_counted_before_last_month_is_forgotten(database: Database) -> None:
    alice = client(database, spark_nano=FREE)
    for number, at_ms in enumerate((NOON - 32 * DAY_MS, NOON - DAY_MS, NOON)):
        do(database, hold(alice, f"j{number}", at_ms=at_ms, counted=(Counted(alice.key),)))
    assert kept_since(NOON) == "2026-11" and kept_since(NOON + 31 * DAY_MS) == "2026-12"
    assert forget(database, NOON) == 2
    assert {row.period for row in database.query(select(key_spend))} == {
        "2026-11-30",
        "2026-11",
        "2026-12-01",
        "2026-12",
    }
    do(database, settle(alice, "j0"))
    with database.transaction() as connection:  # what the last end brought back of a month that is forgotten
        connection.execute(text("DELETE FROM key_spend WHERE period < '2026-11'"))


def test_the_sum_is_found_by_its_key(database_file: Path) -> None:
    """Asked for pairs, SQLite read all rows of the table for each hold."""
    database = Database(database_file)
    asked = _PURSES.params(periods=["2026-12"], counters=["a", "b"])
    statement = asked.compile(database._connection, compile_kwargs={"literal_binds": True})
    with database.transaction() as connection:
        plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}").all())
    assert "SEARCH key_spend USING INDEX" in plan and "SCAN" not in plan
    database.close()


@pytest.mark.parametrize("writers", [4])
def test_replicas_that_hold_at_once_pass_no_cap_together(postgres: Callable[[], str], writers: int) -> None:
    """Each is a connection in a thread of its own, and the purse is made by whoever is first."""
    url = postgres()
    setup = Database(url)
    alice = client(setup, spark_nano=FREE)
    counted = (Counted(alice.key), Counted("above", 1050, 2050))
    opened = [Database(url, serve=True, shared=True) for _ in range(writers)]
    barrier, held = Barrier(writers), list[str]()

    def run(number: int) -> None:
        chance = random.Random(number)
        mine = list[str]()
        barrier.wait()
        for turn in range(30):
            job = f"{number}-{turn}"
            asked = hold(alice, job, nano=chance.randrange(1, 300), at_ms=NOON + turn % 2 * DAY_MS, counted=counted)
            if isinstance(do(opened[number], asked)[0], Held):
                mine.append(job)
            if mine and chance.random() < 0.6:
                do(opened[number], settle(alice, mine.pop(), 0))
        held.extend(mine)

    threads = [Thread(target=run, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sums = {row.period: row.nano for row in setup.query(select(key_spend).where(key_spend.c.counter == "above"))}
    assert held and sums.keys() == {"2026-12-01", "2026-12-02", "2026-12"}
    assert max(sums["2026-12-01"], sums["2026-12-02"]) <= 1050 and sums["2026-12"] <= 2050
    assert sums["2026-12"] == sums["2026-12-01"] + sums["2026-12-02"]
    assert check(setup) == []
    for each in (*opened, setup):
        each.close()
