from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import true

from coordinator.ledger import claim_rows
from coordinator.ledger import commit as commits
from coordinator.ledger.claim_rows import find, forget, read_claims, release_left, widowed
from coordinator.ledger.commit import commit
from coordinator.ledger.orders import Claim, Done, Held, Keep, Mark, Taken
from coordinator.store.database import Database
from coordinator.store.replicas import end
from tests.coordinator.ledger.builders import do, hold, payer, settle


def test_a_key_stands_for_its_request_until_it_is_forgotten(database: Database) -> None:
    alice = payer(database)
    do(database, hold(alice, claim=Claim(alice.account, "k", "f", 0, 7)))
    found = find(database, alice.account, "k")
    assert found is not None and found.own and found.claimed.job == "j" and found.claimed.kept is None
    kept = Keep(alice.account, "k", "text/plain", b"deflated", "[]", 9)
    do(database, settle(alice), kept)
    found = find(database, alice.account, "k")
    assert found is not None and found.claimed.kept == kept
    assert find(database, alice.account, "another") is None
    assert (forget(database, 9), forget(database, 10)) == (0, 1)


def test_how_far_a_request_is_stays_when_another_has_it_and_goes_with_its_attempt(database: Database) -> None:
    alice = payer(database)

    def mark() -> bytes | None:
        found = find(database, alice.account, "k")
        assert found is not None
        return found.claimed.mark

    claim = Claim(alice.account, "k", "f", 0, 7)
    do(database, hold(alice, claim=claim), Mark(alice.account, "k", b"one"))
    assert mark() == b"one"
    assert do(database, Mark(alice.account, "k", b"two"), claim) == [Done(), Done()]
    with database.transaction() as connection:
        release_left(connection, true())
    found = find(database, alice.account, "k")
    assert found is not None and not found.own and mark() == b"two", "a part of it is done"
    assert do(database, claim) == [Taken()]
    assert do(database, replace(claim, instead_of=found.claimed.edge)) == [Done()]
    assert mark() == b"two"
    do(database, hold(alice, "again", claim=replace(claim, attempt=1)))
    assert mark() is None
    with database.transaction() as connection:
        release_left(connection, true())
    assert find(database, alice.account, "k") is None


def test_a_request_that_runs_is_not_forgotten_for_the_answers_since(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim_rows, "MOST_KEPT", 1)
    alice = payer(database)
    for at_ms, key in enumerate(("runs", "old", "new"), start=1):
        do(database, hold(alice, key, claim=Claim(alice.account, key, "f", 0, at_ms)))
        if key != "runs":
            do(database, settle(alice, key), Keep(alice.account, key, "text/plain", b"a", "[]", at_ms))
    assert forget(database, 0) == 1
    assert [find(database, alice.account, key) is not None for key in ("runs", "old", "new")] == [True, False, True]
    assert forget(database, 2) == 1, "in the end it is"


def test_two_replicas_that_claim_one_key_at_the_same_moment(
    postgres: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres()
    one, other = (Database(url, serve=True, shared=True) for _ in range(2))
    alice = payer(one)
    order, read = hold(alice, claim=Claim(alice.account, "k", "f", 0, 7)), read_claims

    def overtaken(*asked: Any) -> Any:
        claims = read(*asked)
        monkeypatch.setattr(commits, "read_claims", read)
        assert isinstance(commit(other, [order])[0], Held)
        return claims

    monkeypatch.setattr(commits, "read_claims", overtaken)
    assert commit(one, [order]) == [Taken()]
    assert widowed(one) == []
    dead = other.replica
    with one.transaction() as connection:
        end(connection, dead, 0)
    assert widowed(one) == [dead]
    found = find(one, alice.account, "k")
    assert found is not None and not found.own and not found.lives
    one.close()
    other.close()


def test_the_keys_of_a_group_are_found_by_their_index(database_file: Path) -> None:
    """Asked for pairs, SQLite read all answers that are kept, 100,000 at most, for each request with a key."""
    database = Database(database_file)
    asked = claim_rows._CLAIMS.params(accounts=["a", "b"], names=["k"])
    statement = asked.compile(database._connection, compile_kwargs={"literal_binds": True})
    with database.transaction() as connection:
        plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}").all())
    assert "SEARCH requests USING INDEX" in plan and "SCAN" not in plan
    database.close()
