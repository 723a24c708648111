"""One look at everything: of several replicas each writes, one judges, and every message is queued once."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import pytest

from coordinator.accounts.accounts import create_account
from coordinator.alerts.address_rows import add_address
from coordinator.alerts.kinds import kinds
from coordinator.alerts.look import Look, addresses, look, sweep
from coordinator.alerts.outbox_rows import deliveries_of
from coordinator.alerts.subjects import Key, Sighting
from coordinator.store.advisory import Lock, free
from coordinator.store.database import Database
from tests.coordinator.alerts.test_address_rows import made

NOW = 1_000_000_000


@pytest.fixture
def mine(database: Database) -> Look:
    return seen_by(database)


def seen_by(database: Database) -> Look:
    account = create_account(database, "alice", 1, 0).id
    add_address(database, made(account, alerts=("worker_hot", "worker_problem")))
    found = addresses(database)
    bad = Sighting(Key(account, "worker_problem", "w/x"), "w\nbad")
    return Look(
        [Sighting(Key(account, "worker_down", "w"), "w"), bad],
        found,
        kinds(0.0),
        operator=True,
        steady_s=0.0,
        now_ms=NOW,
    )


def test_what_is_wrong_is_queued_once(database: Database, mine: Look) -> None:
    assert [look(database, mine) for _ in range(3)] == [1, 0, 0]
    (one,) = deliveries_of(database, mine.addresses[0].account)
    assert (one.title, one.text) == ("w has a problem: x", "bad")


def test_its_end_says_how_long_it_was(database: Database, mine: Look) -> None:
    look(database, mine)
    for seconds, queued in ((300, 0), (421, 1), (500, 0)):
        well = replace(mine, sightings=mine.sightings[:1], now_ms=NOW + seconds * 1000)
        assert look(database, well) == queued
    assert [one.text for one in deliveries_of(database, mine.addresses[0].account) if one.over] == [
        "It lasted 7 minutes."
    ]


def test_a_worker_that_goes_down_with_a_problem_has_it_still(database: Database, mine: Look) -> None:
    look(database, mine)
    down = replace(mine.sightings[0], away=True)
    for seconds in (5, 300, 900, 90_000):
        assert look(database, replace(mine, sightings=[down], now_ms=NOW + seconds * 1000)) == 0
    back = replace(mine, sightings=mine.sightings[:1])
    assert [look(database, replace(back, now_ms=NOW + seconds * 1000)) for seconds in (90_100, 90_300)] == [0, 1]


def test_who_finds_another_one_judging_only_writes(postgres: Callable[[], str]) -> None:
    url = postgres()
    with closing(Database(url)) as one, closing(Database(url)) as other:
        mine = seen_by(one)
        with other.transaction() as connection:
            assert free(connection, Lock.ALERTS)
            assert look(one, mine) == 0
        assert look(other, replace(mine, sightings=[])) == 1, "what the first one saw"
        assert look(one, mine) == 0


def test_sweeping_leaves_what_is_new(database: Database, mine: Look) -> None:
    look(database, mine)
    sweep(database, NOW + 1)
    assert len(deliveries_of(database, mine.addresses[0].account)) == 1
    sweep(database, NOW + 8 * 86_400_000)
    assert deliveries_of(database, mine.addresses[0].account) == []
