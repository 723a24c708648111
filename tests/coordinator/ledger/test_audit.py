"""The checker is checked: each promise is broken by hand, and it says so."""

import pytest
from sqlalchemy import text

from coordinator.ledger.audit import check
from coordinator.ledger.pricing import Payee
from coordinator.ledger.usage_days import USAGE_DAYS
from coordinator.store.database import Database
from tests.coordinator.ledger.builders import client, do, hold, payer, settle
from tests.coordinator.store.rolled_up import rolled_up

BROKEN = {
    "adds up to": "UPDATE entries SET nano = nano + 1 WHERE journal = 'hold:j' AND kind = 'held'",
    "its entries say": "UPDATE balances SET nano = nano + 1 WHERE kind = 'funded'",
    "and no balance": "DELETE FROM balances WHERE kind = 'revenue'",
    "in open holds": "UPDATE holds SET spark = spark + 1 WHERE job = 'open'",
    "its journals say otherwise": "UPDATE holds SET state = 'void' WHERE job = 'j'",
    "its usage costs": "UPDATE usage SET cost_nano = cost_nano + 1",
    "ended it while that still ran": (
        "UPDATE holds SET ended_by = ended_by + 1 WHERE job = 'j'; UPDATE servers SET overtaken_ms = 5"
    ),
    "was of server": "UPDATE holds SET ended_by = ended_by - 1 WHERE job = 'j'",
    "its prompt is not billed": "UPDATE usage SET prompt = 0",
    "is kept as 61": "UPDATE usage_days SET cost_nano = cost_nano + 1",
    "is kept as 0": "DELETE FROM usage_days",
    "in escrow": "UPDATE earnings SET nano = nano + 1",
}


@pytest.mark.parametrize("sentence", BROKEN)
def test_a_broken_promise_is_found(address: str, sentence: str) -> None:
    database = Database(address, serve=True)
    alice, bob = payer(database), client(database, "bob", 0)
    payees = (Payee(f"{bob.account}/w", bob.account, 30),)
    do(database, hold(alice), hold(alice, "open"), settle(alice, payees=payees))
    assert rolled_up(database, USAGE_DAYS.roll_up) == 1
    assert check(database) == []
    with database.transaction() as connection:
        for statement in BROKEN[sentence].split(";"):
            connection.execute(text(statement))
    found = check(database)
    database.close()
    assert any(sentence in each for each in found), found
