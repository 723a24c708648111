"""The checker of given and paid-in tokens is checked: each promise is broken by hand, and it says so."""

import pytest
from sqlalchemy import text

from coordinator.ledger.audit import check
from coordinator.ledger.budget import Budget
from coordinator.ledger.escrow import Terms, mature
from coordinator.ledger.grants import grant
from coordinator.ledger.pricing import Payee
from coordinator.store.database import Database
from tests.coordinator.ledger.builders import client, do, hold, settle
from tests.coordinator.ledger.promoted import promote

BROKEN = {
    # the budget of the day was smaller, there was none, or one account got more than its part
    "promotions of 10 were paid out, and its budget was 9": ["UPDATE promotion_days SET nano = 9"],
    "promotions of 10 were paid out, and its budget was 0": ["DELETE FROM promotion_days"],
    "got promotions of 10, and 9 was its part": ["UPDATE promotion_days SET account_nano = 9"],
    # credit is called earned, in balances
    "count as paid in, and were given": [
        "UPDATE balances SET nano = nano + 30 WHERE kind = 'earned'",
        "UPDATE balances SET nano = nano - 30 WHERE kind = 'credit'",
    ],
    "its jobs say": ["UPDATE earnings SET given = 0 WHERE given > 0"],
    "as money, and": ["UPDATE earnings SET given = given - 11 WHERE given > 0"],
    "gives": ["UPDATE entries SET journal = 'starter:x' WHERE journal LIKE 'promote:%'"],
    "and count as given": ["UPDATE balances SET nano = nano - 1 WHERE kind = 'revenue'"],
    # a promotion in the name of another booking is still one that the budget did not allow
    "as earned": [
        "INSERT INTO journals VALUES ('spend:x', 86400000, '')",
        "UPDATE entries SET journal = 'spend:x' WHERE journal LIKE 'promote:%'",
    ],
}


@pytest.mark.parametrize("sentence", BROKEN)
def test_a_given_token_that_became_money_is_found(address: str, sentence: str) -> None:
    database = Database(address)
    alice, bob = client(database, spark_nano=50), client(database, "bob", 0)
    do(database, grant(alice.account, "spark", 1000, 1, "deposit", ""))
    payee = Payee(f"{bob.account}/w", bob.account, 80)
    do(database, hold(alice), settle(alice, charge=100, payees=(payee,)))
    mature(database, Terms(0.0, 0), 30)
    promote(database, Budget(40), 86_400_000)
    assert check(database) == []
    with database.transaction() as connection:
        connection.execute(text("INSERT INTO journals VALUES ('starter:x', 1, '')"))
        for statement in BROKEN[sentence]:
            connection.execute(text(statement))
    found = check(database)
    database.close()
    assert any(sentence in each for each in found), found
