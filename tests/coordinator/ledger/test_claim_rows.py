from collections.abc import Callable
from typing import Any

import pytest

from coordinator.ledger import commit as commits
from coordinator.ledger.claim_rows import find, forget, read_claims, widowed
from coordinator.ledger.commit import commit
from coordinator.ledger.orders import Claim, Held, Keep, Taken
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
