"""Starter tokens are no money: what a worker earns with them is credit, paid out of the operator's budget alone."""

from dataclasses import replace

from sqlalchemy import insert

from coordinator.clock import DAY_MS
from coordinator.ledger.budget import Budget
from coordinator.ledger.escrow import Terms, mature
from coordinator.ledger.grants import Balance, grant, spend_credit, spend_earned
from coordinator.ledger.oldest_credit import Lot
from coordinator.ledger.orders import Done, Insufficient, Promote
from coordinator.ledger.pricing import Payee
from coordinator.ledger.promotions import _shares
from coordinator.operating.changes import change_account
from coordinator.store.database import Database
from coordinator.store.tables import promotion_days
from tests.coordinator.ledger.builders import Client, client, do, hold, settle, spark
from tests.coordinator.ledger.promoted import oldest_lots, promote


def earn(database: Database, who: Client, owner: Client, job: str, nano: int, at_ms: int = 20) -> None:
    """All of a job's price, matured at once."""
    payee = Payee(f"{owner.account}/w", owner.account, nano)
    do(database, hold(who, job, nano), settle(who, job, nano, (payee,), at_ms))
    mature(database, Terms(0.0, 0), at_ms)


def test_starter_tokens_do_not_become_money_through_a_second_account(database: Database) -> None:
    alice, bob = client(database), client(database, "bob", 0)
    earn(database, alice, bob, "j", 1000)
    assert do(database, grant(bob.account, "spark", 1, 30, "payout", "")) == [Insufficient(0)]
    assert spark(database, bob) == Balance(credit=1000)
    assert do(database, spend_earned(bob.account, "spark", 1, 30)) == [Insufficient(0)]
    assert promote(database, Budget(0), 40) == 0, "an operator who set no budget pays nothing"
    do(database, spend_credit(bob.account, "spark", 1000, 50))
    earn(database, bob, alice, "back", 1000)
    assert spark(database, alice) == Balance(credit=1000), "what is spent of credit counts as what it was"


def test_an_account_that_is_disabled_or_deleted_takes_no_part_of_the_budget(database: Database) -> None:
    alice, bob, carol = client(database, spark_nano=2000), client(database, "bob", 0), client(database, "carol", 0)
    earn(database, alice, bob, "j", 400)
    earn(database, alice, carol, "k", 400)
    change_account(database, bob.account, {"disabled": True}, "me", 1)
    assert promote(database, Budget(400), DAY_MS) == 100
    assert (spark(database, bob).credit, spark(database, carol).earned) == (400, 100)


def test_what_was_paid_in_is_spent_last_and_earns_money(database: Database) -> None:
    alice, bob = client(database, spark_nano=600), client(database, "bob", 0)
    do(database, grant(alice.account, "spark", 1000, 1, "deposit", ""))
    assert spark(database, alice) == Balance(available=1600, given=600)
    earn(database, alice, bob, "j", 500)
    assert spark(database, bob) == Balance(credit=500)
    earn(database, alice, bob, "both", 400)
    assert spark(database, bob) == Balance(credit=600, earned=300)
    assert spark(database, alice) == Balance(available=700)
    assert do(database, grant(bob.account, "spark", 301, 30, "payout", "")) == [Insufficient(300)]
    assert do(database, grant(bob.account, "spark", 300, 30, "payout", "")) == [Done()]


def test_what_a_job_did_not_cost_goes_back_as_what_it_was(database: Database) -> None:
    alice, bob = client(database, spark_nano=100), client(database, "bob", 0)
    do(database, grant(alice.account, "spark", 900, 1, "deposit", ""))
    do(database, hold(alice, "j", 500))
    assert spark(database, alice) == Balance(available=500, held=500)
    do(database, settle(alice, "j", 150, (Payee(f"{bob.account}/w", bob.account, 90),)))
    assert spark(database, alice) == Balance(available=850)
    do(database, hold(alice, "none", 850), settle(alice, "none", 0))
    assert spark(database, alice) == Balance(available=850)
    mature(database, Terms(0.0, 0), 30)
    assert spark(database, bob) == Balance(credit=60, earned=30), "shares are of both kinds as the price was"


def test_earned_money_that_is_spent_here_is_money_to_the_next_worker(database: Database) -> None:
    alice, bob, carol = client(database, spark_nano=0), client(database, "bob", 0), client(database, "carol", 0)
    do(database, grant(alice.account, "spark", 100, 1, "deposit", ""))
    earn(database, alice, bob, "j", 100)
    do(database, spend_earned(bob.account, "spark", 100, 30))
    earn(database, bob, carol, "k", 100)
    assert spark(database, carol) == Balance(earned=100)


def test_a_days_budget_goes_to_the_oldest_credit_and_no_account_gets_more_than_its_part(database: Database) -> None:
    alice = client(database, spark_nano=10_000)
    first, second, third = (client(database, name, 0) for name in ("first", "second", "third"))
    for n, (owner, nano) in enumerate([(first, 30), (second, 10), (first, 30), (third, 50), (second, 5)]):
        earn(database, alice, owner, f"j{n}", nano)
    assert promote(database, Budget(100), DAY_MS) == 25 + 15 + 25
    assert promote(database, Budget(100), DAY_MS + 5) == 0, "once a day"
    assert [spark(database, who) for who in (first, second, third)] == [
        Balance(credit=35, earned=25),
        Balance(earned=15),
        Balance(credit=25, earned=25),
    ]
    do(database, spend_credit(first.account, "spark", 20, DAY_MS + 6))
    assert promote(database, Budget(12), 2 * DAY_MS) == 6
    assert [spark(database, who).earned for who in (first, second, third)] == [28, 15, 28]
    assert do(database, grant(first.account, "spark", 29, 30, "payout", "")) == [Insufficient(28)]


def test_what_is_left_of_credit_is_its_newest_part() -> None:
    """So it keeps no place in the queue that was spent."""
    lots = [
        Lot(1, 1, "a", "spark", 5),
        Lot(1, 2, "b", "sogni", 90),
        Lot(1, 3, "b", "spark", 9),
        Lot(2, 4, "c", "spark", 99),
    ]
    assert _shares(lots, Budget(40)) == {("a", "spark"): 5, ("b", "sogni"): 10, ("c", "spark"): 10}
    many = [Lot(1, n, f"{n}", "spark", 9) for n in range(9)]
    assert _shares(many, Budget(40)) == {**{(f"{n}", "spark"): 9 for n in range(4)}, ("4", "spark"): 4}


def test_the_oldest_credit_of_two_accounts_is_what_they_have_not_spent(database: Database) -> None:
    alice, bob, carol = client(database, spark_nano=1000), client(database, "bob", 0), client(database, "carol", 0)
    earn(database, alice, bob, "j0", 10)
    earn(database, alice, carol, "j1", 10)
    earn(database, alice, bob, "j2", 10)
    do(database, spend_credit(bob.account, "spark", 15, 30))
    found = oldest_lots(database, Budget(10_000))
    assert [lot[2:] for lot in found] == [(carol.account, "spark", 10), (bob.account, "spark", 5)]


def test_a_promotion_is_carried_out_once_and_never_beyond_the_credit(database: Database) -> None:
    alice, bob = client(database), client(database, "bob", 0)
    earn(database, alice, bob, "j", 100)
    with database.transaction() as connection:
        connection.execute(insert(promotion_days).values(day=0, nano=100, account_nano=100))
    once = Promote("promote:0:x", bob.account, "spark", 60, 40)
    assert do(database, once, once) == [Done(), Done(again=True)]
    assert do(database, replace(once, id="promote:0:y")) == [Insufficient(40)]
    assert spark(database, bob) == Balance(credit=40, earned=60)
