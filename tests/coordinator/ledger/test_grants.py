from sqlalchemy import select

from coordinator.ledger.escrow import Terms, mature
from coordinator.ledger.grants import Balance, balances_of, bonus, grant, next_day_ms, spend_earned, starter, totals
from coordinator.ledger.orders import Done, Insufficient
from coordinator.ledger.pricing import Payee
from coordinator.store.database import Database
from coordinator.store.tables import balances
from tests.coordinator.ledger.builders import client, do, hold, payer, settle, spark


def sources(database: Database) -> dict[str, int]:
    rows = database.query(select(balances).where(balances.c.nano < 0))
    return {row.kind: row.nano for row in rows}


def test_an_account_is_born_with_its_starter_tokens_and_gets_them_once(database: Database) -> None:
    alice = client(database, spark_nano=70)
    assert spark(database, alice) == Balance(available=70, given=70)
    assert do(database, starter(alice.account, 70, 9)) == [Done(again=True)]
    assert sources(database) == {"promotions": -70}


def test_presents_and_deposits_come_from_different_sources(database: Database) -> None:
    alice = client(database, spark_nano=0)
    do(database, grant(alice.account, "spark", 5, 1, "grant", "thanks"))
    do(database, grant(alice.account, "sogni", 7, 1, "deposit", "bank"))
    assert balances_of(database, alice.account)["sogni"] == Balance(available=7)
    assert sources(database) == {"promotions": -5, "deposits": -7}


def test_what_has_matured_is_spent_or_paid_out_and_no_more(database: Database) -> None:
    alice, bob = payer(database), client(database, "bob", 0)
    do(database, hold(alice), settle(alice, payees=(Payee(f"{bob.account}/w", bob.account, 40),)))
    assert do(database, spend_earned(bob.account, "spark", 10, 2)) == [Insufficient(0)]
    mature(database, Terms(0, 0), 1000)
    assert do(database, spend_earned(bob.account, "spark", 10, 2)) == [Done()]
    assert do(database, grant(bob.account, "spark", 31, 2, "payout", "")) == [Insufficient(30)]
    assert do(database, grant(bob.account, "spark", 30, 2, "payout", "")) == [Done()]
    assert spark(database, bob) == Balance(available=10)


def test_the_next_bonus_is_tomorrows() -> None:
    assert next_day_ms(5) == 86_400_000
    assert bonus("a", 1, 5).id == bonus("a", 1, 86_399_999).id != bonus("a", 1, 86_400_000).id


def test_the_totals_of_all_accounts_are_of_both_currencies_and_not_the_platforms(database: Database) -> None:
    alice, bob = client(database), client(database, "bob", 0)
    do(database, grant(alice.account, "sogni", 500, 1, "deposit", ""))
    do(database, hold(alice, "j", 300))
    found = totals(database)
    assert found[alice.account] == Balance(available=1200, given=700, held=300)
    assert set(found) <= {alice.account, bob.account}
