"""Rows of films on both databases: their order, their ends, and whose they are."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from coordinator.accounts.accounts import create_account
from coordinator.accounts.errors import NotFound
from coordinator.artefact import Artefact
from coordinator.artefacts import rows as artefact_rows
from coordinator.artefacts.rows import Room, Row
from coordinator.store.database import Database
from coordinator.videos import rows
from coordinator.videos.rows import Film


@pytest.fixture
def account(database: Database) -> str:
    return create_account(database, "alice", 0).id


def begun(database: Database, account: str, name: str, created_ms: int = 1) -> Film:
    film = Film(name, account, "films", 64, 48, 2, created_ms)
    rows.add(database, film)
    return film


def made(database: Database, film: Film) -> Artefact:
    artefact = Artefact(film.name * 22, "ab" * 32, "video/mp4", 9, 1, 99, 64, 48, 17, 8.0, 2.0)
    artefact_rows.add(database, Row(artefact, film.account, "made", "cd" * 32, f"{film.name}.0/1"), Room())
    return artefact


def test_a_film_from_its_beginning_to_its_end(database: Database, account: str) -> None:
    film = begun(database, account, "a")
    assert rows.find(database, account, "a") == film and film.ended_ms is None
    artefact = made(database, film)
    rows.end(database, "a", 5, artefact=artefact.id)
    assert rows.find(database, account, "a") == replace(
        film, ended_ms=5, artefact=artefact.id, expires_ms=artefact.expires_ms
    )
    rows.end(database, "a", 9, error=("late", "Late."))
    assert rows.find(database, account, "a").error is None, "it has one end"
    artefact_rows.remove(database, account, artefact.id)
    gone = rows.find(database, account, "a")
    assert (gone.ended_ms, gone.artefact, gone.expires_ms) == (5, None, None)


def test_what_has_no_end_at_a_start_was_interrupted(database: Database, account: str) -> None:
    for name in "ab":
        begun(database, account, name, created_ms=100)
    begun(database, account, "old", created_ms=1)
    rows.end(database, "a", 5, error=("no_worker", "None."))
    assert rows.interrupt(database, 200, before_ms=50) == 2
    a, b = (rows.find(database, account, name) for name in "ab")
    assert a.error == ("no_worker", "None.") and b.ended_ms == 200
    assert b.error is not None and b.error[0] == rows.INTERRUPTED
    with pytest.raises(NotFound):
        rows.find(database, account, "old")


def test_the_films_of_a_replica_that_lives_are_not_interrupted_by_another_one(postgres: Callable[[], str]) -> None:
    url = postgres()
    one, other = (Database(url, serve=True, shared=True) for _ in range(2))
    account = create_account(one, "alice", 0).id
    begun(one, account, "a", created_ms=100)
    assert rows.interrupt(other, 200, before_ms=50) == 0
    one.close()
    assert rows.interrupt(other, 200, before_ms=50) == 1
    other.close()


def test_pages_go_on_behind_a_film_in_either_order(database: Database, account: str) -> None:
    for name, at_ms in (("a", 1), ("b", 2), ("c", 2), ("d", 3)):
        begun(database, account, name, at_ms)

    def names(after: str | None, limit: int, ascending: bool) -> str:
        return "".join(film.name for film in rows.page(database, account, after, limit, ascending))

    assert names(None, 9, False) == "dcba" and names(None, 9, True) == "abcd"
    assert names("c", 9, False) == "ba" and names("b", 1, True) == "c"
    assert rows.count(database, account) == 4
    with pytest.raises(NotFound):
        names("z", 1, True)


def test_a_film_is_its_accounts_alone(database: Database, account: str) -> None:
    begun(database, account, "a")
    other = create_account(database, "bob", 0).id
    for call in (rows.find, rows.remove):
        with pytest.raises(NotFound):
            call(database, other, "a")
    assert rows.page(database, other, None, 9, False) == [] and rows.count(database, other) == 0
    rows.remove(database, account, "a")
    rows.end(database, "a", 5)
    assert rows.count(database, account) == 0, "its end brings it back in no way"
