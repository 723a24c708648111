"""What two replicas on one database once did to each other's money."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import select

from coordinator.ledger import escrow, recovery
from coordinator.ledger.audit import check
from coordinator.ledger.commit import apply
from coordinator.ledger.escrow import Terms, mature
from coordinator.ledger.orders import Checkpoint, Claim, Done, Held, Keep
from coordinator.ledger.pricing import Payee
from coordinator.ledger.recovery import bury, recover, sweep
from coordinator.store.database import Database
from coordinator.store.tables import holds
from tests.coordinator.ledger.builders import Client, client, do, hold, payer, settle, spark


def serving(url: str) -> Database:
    return Database(url, serve=True, shared=True)


@pytest.fixture
def both(postgres: Callable[[], str]) -> Iterator[tuple[Database, Database]]:
    url = postgres()
    one, other = serving(url), serving(url)
    yield one, other
    found = check(one)
    one.close()
    other.close()
    assert found == []


def test_the_start_of_a_replica_and_its_sweeper_leave_what_another_one_runs(both: tuple[Database, Database]) -> None:
    one, other = both
    alice, bob = payer(one, spark_nano=10**6), client(one, "bob", 0)
    do(one, hold(alice, nano=930_000), Checkpoint("j", ((f"{bob.account}/w", 10),), ((f"{bob.account}/w", 5),)))
    recover(other, 7000, 99)
    sweep(other, 7000, 10**9, ())
    assert do(one, settle(alice, charge=930_000, payees=(Payee(f"{bob.account}/w", bob.account, 651_000),))) == [Done()]
    assert [row.charge for row in one.query(select(holds))] == [930_000]
    assert spark(one, bob).escrow == 651_000


def test_one_job_is_held_at_one_replica(both: tuple[Database, Database]) -> None:
    one, other = both
    alice = payer(one)
    assert isinstance(do(one, hold(alice))[0], Held)
    assert not isinstance(do(other, hold(alice))[0], Held), "it would run twice, and be paid for once"
    assert do(other, settle(alice, charge=0)) == [Done(again=True)], "and it is not the other's to end"
    assert do(one, settle(alice)) == [Done()]


def test_earnings_mature_once_whoever_is_at_it(
    both: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = both
    alice, bob = payer(one, spark_nano=10**7), client(one, "bob", 0)
    for number in range(5):
        earn(one, alice, bob, f"j{number}", 651)
    due = escrow._due

    def overtaken(*asked: Any) -> Any:
        """Between reading and booking: one earning more, the other replica's turn, and a large one that must wait."""
        found = due(*asked)
        monkeypatch.setattr(escrow, "_due", due)
        earn(other, alice, bob, "late", 651)
        mature(other, Terms(1.0, 0), 10_000)
        earn(other, alice, bob, "young", 65_100, at_ms=9_999)
        return found

    monkeypatch.setattr(escrow, "_due", overtaken)
    mature(one, Terms(1.0, 0), 10_000)
    mature(one, Terms(1.0, 0), 10_000)
    assert (spark(one, bob).escrow, spark(one, bob).earned) == (65_100, 6 * 651)


def test_a_key_that_is_taken_over_while_its_hold_is_to_be_ended_stays_with_who_took_it(
    both: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = both
    dead = serving(str(other._connection.engine.url.render_as_string(hide_password=False)))
    gone, alice = dead.replica, payer(one)
    do(dead, hold(alice, claim=Claim(alice.account, "k", "f", 0, 1)))
    dead.close()

    def overtaken(*asked: Any) -> Any:
        monkeypatch.setattr(recovery, "apply", apply)
        (held,) = do(other, hold(alice, claim=Claim(alice.account, "k", "f", 0, 2, instead_of=gone)))
        assert isinstance(held, Held)
        return apply(*asked)

    monkeypatch.setattr(recovery, "apply", overtaken)
    assert bury(one, 7000, 99, ()) == 0
    assert do(other, settle(alice), Keep(alice.account, "k", "text/plain", b"a", "[]", 3)) == [Done(), Done()]


def earn(database: Database, who: Client, worker: Client, job: str, nano: int, at_ms: int = 20) -> None:
    payees = (Payee(f"{worker.account}/w", worker.account, nano),)
    do(database, hold(who, job, 93_000), settle(who, job, nano, payees, at_ms))
