from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import select, update

from coordinator.ledger.audit import check
from coordinator.store.database import Database
from coordinator.store.errors import Contended, StoreError, Unavailable
from coordinator.store.replicas import STILL, Stillness, beat, beats, clean, end
from coordinator.store.tables import replicas, servers, settings
from tests.coordinator.ledger.builders import do, hold, payer


def replica(url: str, name: str = "") -> Database:
    return Database(url, serve=True, shared=True, name=name)


def test_a_replica_that_stands_still_in_every_poll_is_dead() -> None:
    seen = Stillness()
    for poll in range(STILL + 1):
        dead = seen.look({"stands": 3, "beats": poll})
        assert dead == ({"stands": 3} if poll == STILL else {})
    assert seen.look({"stands": 4, "beats": 0}) == {}, "it has beaten just now"
    assert Stillness().look({"stands": 3}) == {}, "who has just begun to look knows nothing"


def test_replicas_serve_beside_each_other_and_a_server_alone_beside_none(postgres: Callable[[], str]) -> None:
    url = postgres()
    one, other = replica(url, "box"), replica(url)
    assert len(one.replica) == 8 and one.replica != other.replica
    rows = one.query(select(replicas).order_by(replicas.c.server))
    assert [(row.id, row.name, row.state, row.purse) for row in rows] == [
        (one.replica, "box", "up", 0),
        (other.replica, "", "up", 1),
    ]
    with pytest.raises(StoreError, match="another coordinator"):
        Database(url, serve=True)
    other.close()
    assert list(beats(one._connection)) == [one.replica], "it has said that it ends"
    one.close()
    alone = Database(url, serve=True)
    assert {row.state for row in alone.query(select(replicas))} == {"dead"}
    assert alone.replica == ""
    with pytest.raises(StoreError, match="not as one of several replicas"):
        replica(url)
    alone.close()


def test_a_file_is_not_shared(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="postgresql://USER@HOST/NAME"):
        Database(tmp_path / "c.db", serve=True, shared=True)
    assert not (tmp_path / "c.db").exists()


def test_one_that_was_taken_for_dead_and_lives_goes_on_as_a_new_one(
    postgres: Callable[[], str], caplog: pytest.LogCaptureFixture
) -> None:
    url = postgres()
    one, other = replica(url), replica(url)
    before = one.identity
    with other.transaction() as connection:
        assert not end(connection, one.replica, 7), "it has beaten since"
        assert end(connection, one.replica, 0)
    with one.transaction() as connection:
        beat(connection, one.identity)
        assert beats(connection) == {one.replica: 1, other.replica: 0}
    assert one.identity.own == {before.owner, one.replica} and before.owner != one.replica
    assert one.identity.server == before.server
    assert f"goes on as {one.replica}" in caplog.text
    one.close()
    other.close()


def test_starts_of_long_ago_are_cleaned_away_but_not_what_somebody_needs(postgres: Callable[[], str]) -> None:
    """Before, each start of each replica was kept for ever."""
    url = postgres()
    for _ in range(3):
        replica(url, "gone").close()
    holds = replica(url, "holds")
    do(holds, hold(payer(holds), "runs"))
    lives = replica(url, "lives")
    holds.close()
    with lives.transaction() as connection:
        assert clean(connection, 1) == 0, "they are young"
        connection.execute(update(replicas).values(started_ms=1))
        connection.execute(update(servers).values(started_ms=1))
        first, *_, fourth, last = connection.execute(select(servers.c.number).order_by(servers.c.number)).scalars()
        connection.execute(update(servers).where(servers.c.number == first).values(overtaken_ms=1))
    with lives.transaction() as connection:
        assert clean(connection, 2) == 3 + 2
        assert clean(connection, 2) == 0
    assert {row.name for row in lives.query(select(replicas))} == {"holds", "lives"}
    assert {row.number for row in lives.query(select(servers))} == {first, fourth, last}
    assert check(lives) == []
    lives.close()


def test_what_other_writers_are_in_the_way_of_is_done_anew(postgres: Callable[[], str]) -> None:
    url = postgres()
    database, tries = Database(url), list[int]()

    def work(connection: object) -> int:
        tries.append(len(tries))
        if len(tries) < 3:
            raise Contended("in the way")
        return len(tries)

    assert database.transact(work) == 3
    tries.clear()
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE settings IN ACCESS EXCLUSIVE MODE")
        database._connection.exec_driver_sql("SET lock_timeout = 10")
        with pytest.raises(Contended):
            database.transact(lambda connection: connection.execute(select(settings)).all())
    assert database.transact(lambda connection: connection.execute(select(settings)).all()) == []
    database.close()


def test_a_server_that_has_become_a_standby_is_left_for_the_one_that_writes(postgres: Callable[[], str]) -> None:
    one = replica(postgres())
    one._connection.exec_driver_sql("SET default_transaction_read_only = on")  # of this connection alone
    with pytest.raises(Unavailable, match="read-only"), one.transaction() as connection:
        beat(connection, one.identity)
    with one.transaction() as connection:
        beat(connection, one.identity)
        assert beats(connection) == {one.replica: 1}
    one.close()
