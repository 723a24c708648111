"""A file becomes a PostgreSQL database, whole or not at all, while a server serves with it."""

import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from coordinator.accounts.rows import list_keys
from coordinator.ledger.audit import check
from coordinator.ledger.escrow import Terms, mature
from coordinator.ledger.grants import bonus, totals
from coordinator.ledger.orders import Checkpoint, Claim, Done, Keep
from coordinator.ledger.pricing import Payee
from coordinator.ledger.recovery import recover
from coordinator.ledger.usage import read
from coordinator.store import engines
from coordinator.store import move as module
from coordinator.store.database import Database
from coordinator.store.errors import StoreError, Unavailable
from coordinator.store.move import move
from coordinator.store.tables import holds, requests
from tests.coordinator.ledger.builders import Client, client, do, hold, payer, settle


def quiet(table: str, done: int, rows: int) -> None:
    pass


def lived_in(database: Database) -> tuple[Client, Client]:
    """Every kind of row: holds that have ended and one that runs, earnings, a bonus, an answer that is kept."""
    alice, bob = payer(database, spark_nano=10_000), client(database, "bob", 500)
    do(database, hold(alice), settle(alice, payees=(Payee(f"{bob.account}/w", bob.account, 40),)))
    do(database, bonus(bob.account, 7, 1), hold(alice, "k", claim=Claim(alice.account, "key", "f", 0, 1)))
    do(database, settle(alice, "k"), Keep(alice.account, "key", "text/plain", b"\x00\xff", "[]", 2))
    assert mature(database, Terms(0.0, 0), 100) == 1
    worker = f"{bob.account}/w"
    do(database, hold(alice, "runs", 5000), Checkpoint("runs", ((worker, 3),), ((worker, 5),)))
    return alice, bob


def told(database: Database) -> Any:
    return totals(database), list_keys(database), read(database), database.query(select(requests)), check(database)


def test_all_of_it_is_there_and_ids_go_on_where_they_were(database_file: Path, postgres: Callable[[], str]) -> None:
    source, url = Database(database_file), postgres()
    alice, _ = lived_in(source)
    before, steps = told(source), list[tuple[str, int, int]]()
    counts = move(source, url, lambda *step: steps.append(step), check)
    assert counts["holds"] == 3 and ("holds", 3, 3) in steps
    source.close()
    target = Database(url, serve=True)
    assert told(target) == before
    assert recover(target, 7000, 99) == 1
    assert do(target, hold(alice, "next"), settle(alice, "next"))[1] == Done()
    assert check(target) == []
    target.close()
    with pytest.raises(StoreError, match="has moved"):
        Database(database_file)


def test_a_server_that_runs_goes_on_with_the_new_database(database_file: Path, postgres: Callable[[], str]) -> None:
    server, url = Database(database_file, serve=True), postgres()
    alice, _ = lived_in(server)
    cli = Database(database_file)
    move(cli, url, quiet, check)
    cli.close()
    with pytest.raises(Unavailable):
        do(server, settle(alice, "runs"))
    assert do(server, settle(alice, "runs")) == [Done()], "tried again, as the writer does"
    assert "://" in server.name
    with pytest.raises(StoreError, match="another coordinator"):
        Database(url, serve=True)
    server.close()
    moved = Database(url)
    assert {row.job: row.charge for row in moved.query(select(holds))}["runs"] == 60
    assert check(moved) == []
    moved.close()


@contextmanager
def killed(monkeypatch: pytest.MonkeyPatch, where: str) -> Any:
    """The process dies there: nothing behind it happens, and connections are lost."""

    def die(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        if where == "before the note":
            patched.setattr(module, "url_of", die)
        elif where == "while it copies":
            patched.setattr(module, "_summed", die)
        with pytest.raises(KeyboardInterrupt):
            yield


@pytest.mark.parametrize("where", ["while it copies", "before the note"])
def test_a_move_that_is_killed_has_changed_nothing_and_is_begun_again(
    database_file: Path, postgres: Callable[[], str], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    source, url = Database(database_file), postgres()
    alice, _ = lived_in(source)
    before = told(source)
    with killed(monkeypatch, where):
        move(source, url, quiet, check)
    assert told(source) == before
    do(source, hold(alice, "after"), settle(alice, "after"))
    before = told(source)
    move(source, url, quiet, check)
    source.close()
    target = Database(url)
    assert told(target) == before
    target.close()


def test_a_move_may_be_killed_as_often_as_it_likes(
    database_file: Path, postgres: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, the third was refused: the second had left a start of its own behind."""
    source, url = Database(database_file), postgres()
    lived_in(source)
    before = told(source)
    for where in ("before the note", "while it copies", "before the note", "while it copies"):
        with killed(monkeypatch, where):
            move(source, url, quiet, check)
    move(source, url, quiet, check)
    source.close()
    target = Database(url, serve=True)
    assert told(target) == before
    target.close()


def test_a_copy_with_which_somebody_has_served_is_not_overwritten(
    database_file: Path, postgres: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, url = Database(database_file), postgres()
    lived_in(source)
    with killed(monkeypatch, "before the note"):
        move(source, url, quiet, check)
    Database(url, serve=True).close()
    with pytest.raises(StoreError, match="accounts already"):
        move(source, url, quiet, check)
    source.close()


def test_a_database_with_accounts_of_its_own_is_not_overwritten(
    database_file: Path, postgres: Callable[[], str]
) -> None:
    source, url = Database(database_file), postgres()
    other = Database(url)
    client(other, "somebody")
    other.close()
    with pytest.raises(StoreError, match="accounts already"):
        move(source, url, quiet, check)
    for wrong in ("c.db", f"sqlite:///{database_file}"):
        with pytest.raises(StoreError, match="--to postgresql://"):
            move(source, wrong, quiet, check)
    source.close()


def test_a_file_may_take_long_to_be_added_up(
    database_file: Path, postgres: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "POSTGRES", "-c idle_in_transaction_session_timeout=100")
    source, url = Database(database_file), postgres()
    lived_in(source)

    def slowly(database: Database) -> list[str]:
        time.sleep(0.5 if database is source else 0.0)
        return check(database)

    move(source, url, quiet, slowly)
    source.close()


def test_what_postgresql_does_not_take_is_said_and_changes_nothing(
    database_file: Path, postgres: Callable[[], str]
) -> None:
    source, url = Database(database_file), postgres()
    lived_in(source)
    with source.transaction() as connection:
        connection.execute(text("UPDATE accounts SET name = id || char(0)"))
    before = told(source)
    with pytest.raises(StoreError, match="accounts cannot be copied"):
        move(source, url, quiet, check)
    assert told(source) == before
    source.close()
