"""What the ledger promises, on SQLite and on PostgreSQL."""

from collections.abc import Callable
from typing import Any

import pytest

from coordinator.ledger import commit as commits
from coordinator.ledger.audit import check
from coordinator.ledger.commit import commit
from coordinator.ledger.errors import CannotBeBooked
from coordinator.ledger.grants import Balance, balances_of, bonus, grant
from coordinator.ledger.orders import Checkpoint, Done, Held, Insufficient
from coordinator.ledger.pricing import Payee
from coordinator.ledger.usage import read
from coordinator.store.database import Database
from tests.coordinator.ledger.builders import client, do, hold, payer, settle, spark, usage


def test_a_hold_sets_aside_and_its_end_gives_back_what_was_not_used(database: Database) -> None:
    alice = payer(database)
    assert do(database, hold(alice)) == [Held({"spark": 100, "sogni": 0})]
    assert spark(database, alice) == Balance(available=900, held=100)
    assert do(database, settle(alice)) == [Done()]
    assert spark(database, alice) == Balance(available=940)
    assert read(database) == [usage(alice, "j", 60)]


def test_a_void_gives_everything_back_and_needs_no_usage(database: Database) -> None:
    alice = payer(database)
    do(database, hold(alice), settle(alice, charge=0))
    assert spark(database, alice) == Balance(available=1000)
    assert read(database) == []


def test_doing_it_again_changes_nothing(database: Database) -> None:
    alice = payer(database)
    once = do(database, hold(alice))
    assert do(database, hold(alice)) == once
    do(database, settle(alice))
    assert do(database, hold(alice)) == [Done(again=True, charge=60)]
    for again in (settle(alice), settle(alice, charge=0), Checkpoint("j", (("a/w", 1),))):
        assert do(database, again) == [Done(again=True)]
    assert spark(database, alice) == Balance(available=940)
    assert len(read(database)) == 1


def test_what_is_not_there_is_not_lent_and_one_refusal_leaves_the_others_of_its_group_alone(database: Database) -> None:
    alice = payer(database)
    answers = do(database, *(hold(alice, f"j{i}", 300) for i in range(5)))
    assert answers[:3] == [Held({"spark": 300, "sogni": 0})] * 3
    assert answers[3:] == [Insufficient(100)] * 2
    assert spark(database, alice) == Balance(available=100, held=900)


def test_an_end_without_a_hold_is_nothing(database: Database) -> None:
    alice = payer(database)
    assert do(database, settle(alice, "ghost")) == [Done(again=True)]
    assert spark(database, alice) == Balance(available=1000)


def test_auto_spends_spark_first_and_what_is_asked_for_is_spent_alone(database: Database) -> None:
    alice = payer(database, spark_nano=100)
    do(database, grant(alice.account, "sogni", 500, 2, "deposit", "bank"))
    assert do(database, hold(alice, "a", 300)) == [Held({"spark": 100, "sogni": 200})]
    assert do(database, settle(alice, "a", 150)) == [Done()]
    assert balances_of(database, alice.account) == {"spark": Balance(), "sogni": Balance(available=450)}
    assert do(database, hold(alice, "b", 1, token_type="spark")) == [Insufficient(0)]
    assert do(database, hold(alice, "c", 450, token_type="sogni")) == [Held({"sogni": 450})]


def test_workers_are_paid_into_escrow_and_the_platform_keeps_the_rest(database: Database) -> None:
    alice, bob, carol = payer(database), client(database, "bob", 0), client(database, "carol", 0)
    payees = (Payee(f"{bob.account}/w", bob.account, 30), Payee(f"{carol.account}/w", carol.account, 12))
    do(database, hold(alice), settle(alice, charge=60, payees=payees))
    assert spark(database, bob) == Balance(escrow=30)
    assert spark(database, carol) == Balance(escrow=12)


def test_a_charge_above_the_hold_is_never_booked(database: Database) -> None:
    alice = payer(database)
    do(database, hold(alice))
    with pytest.raises(CannotBeBooked):
        do(database, settle(alice, charge=101))
    assert spark(database, alice) == Balance(available=900, held=100)


def test_a_group_that_fails_leaves_nothing(database: Database) -> None:
    alice = payer(database)
    ghost = hold(alice, "g", account="acc_ghost", nano=0)
    with pytest.raises(CannotBeBooked):
        do(database, hold(alice), ghost)
    assert spark(database, alice) == Balance(available=1000)


def test_a_bonus_is_given_once_a_day(database: Database) -> None:
    alice = payer(database)
    day = 86_400_000
    assert do(database, bonus(alice.account, 5, 10), bonus(alice.account, 5, 20)) == [Done(), Done(again=True)]
    assert do(database, bonus(alice.account, 5, day + 1)) == [Done()]
    assert spark(database, alice).available == 1010


def test_two_processes_may_fill_the_same_new_sub_account_at_once(
    postgres: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres()
    one, other = Database(url), Database(url)
    read, orders = commits._read, [grant("acc", "sogni", nano, 1, "grant", "") for nano in (5, 7)]

    def overtaken(*asked: Any) -> Any:
        book = read(*asked)
        monkeypatch.setattr(commits, "_read", read)
        commit(other, orders[:1])
        return book

    monkeypatch.setattr(commits, "_read", overtaken)
    assert commit(one, orders[1:]) == [Done()]
    assert balances_of(one, "acc")["sogni"].available == 12
    assert check(one) == []
    one.close()
    other.close()
