import pytest

from coordinator.clock import DAY_MS
from coordinator.identity.joining import delete_account
from coordinator.ledger import energy_days
from coordinator.ledger.energy_days import KEPT_DAYS, WorkerEnergy, add, clean, cost_nano, price, read, set_price, today
from coordinator.store.database import Database
from tests.coordinator.ledger.builders import client


def test_what_comes_is_added_to_what_is_there(database: Database) -> None:
    bob, eve = client(database, "bob").account, client(database, "eve").account
    add(database, [WorkerEnergy(bob, 1, "b/w", 100, 10, 60), WorkerEnergy(eve, 1, "e/w", 7, 1, 60)])
    add(database, [WorkerEnergy(bob, 1, "b/w", 50, 5, 60), WorkerEnergy(bob, 2, "b/w", 1, 0, 60)])
    assert read(database, bob, 0) == [WorkerEnergy(bob, 2, "b/w", 1, 0, 60), WorkerEnergy(bob, 1, "b/w", 150, 15, 120)]
    assert read(database, bob, 2, "b/w") == [WorkerEnergy(bob, 2, "b/w", 1, 0, 60)]
    assert read(database, bob, 0, "b/other") == []


def test_of_many_made_up_ids_no_more_are_kept_than_an_account_may_connect(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(energy_days, "MOST_WORKERS", 3)
    bob = client(database, "bob").account
    for turn in range(3):
        add(database, [WorkerEnergy(bob, 1, f"b/{turn}{n}", 1, 1, 1) for n in range(2)])
    add(database, [WorkerEnergy(bob, 1, "b/00", 1, 1, 1), WorkerEnergy(bob, 2, "b/x", 1, 1, 1)])
    assert [(row.worker, row.joules) for row in read(database, bob, 0)] == [
        ("b/x", 1),
        ("b/00", 2),
        ("b/01", 1),
        ("b/10", 1),
    ]


def test_old_days_and_deleted_accounts_are_forgotten(database: Database) -> None:
    bob, eve = client(database, "bob").account, client(database, "eve").account
    for who in (bob, eve):
        add(database, [WorkerEnergy(who, day, "w", 1, 1, 1) for day in (9, 10)])
        set_price(database, who, 5)
    assert clean(database, (10 + KEPT_DAYS) * DAY_MS) == 2
    delete_account(database, eve, 5)
    assert ([row.day for row in read(database, bob, 0)], price(database, bob)) == ([10], 5)
    assert (read(database, eve, 0), price(database, eve)) == ([], None)


def test_a_price_makes_dollars_of_it(database: Database) -> None:
    bob, eve = client(database, "bob").account, client(database, "eve").account
    add(database, [WorkerEnergy(who, 3, f"{who}/w{n}", 1_800_000, 1, 1) for who in (bob, eve) for n in range(2)])
    assert (price(database, bob), today(database, [bob, eve], 3), cost_nano(5, None)) == (None, {}, None)
    set_price(database, bob, 320_000_000)
    assert today(database, [bob, eve], 3) == {bob: 320_000_000}
    assert today(database, [bob, eve], 4) == {}
    set_price(database, bob, 500)
    assert (price(database, bob), cost_nano(1_800_000, 500)) == (500, 250)
    set_price(database, bob, None)
    assert price(database, bob) is None
