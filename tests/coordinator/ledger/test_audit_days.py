import pytest
from sqlalchemy import text

from coordinator.clock import DAY_MS
from coordinator.ledger.audit import check
from coordinator.ledger.earning_days import EARNING_DAYS
from coordinator.store.database import Database
from tests.coordinator.ledger.builders import client
from tests.coordinator.ledger.test_earning_days import served
from tests.coordinator.store.rolled_up import rolled_up


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("UPDATE earning_days SET nano = 70", "is kept as 70, its rows say 71"),
        ("UPDATE earning_days SET jobs = 2", "is kept as 71, its rows say 71"),
        ("DELETE FROM earning_days", "is kept as 0, its rows say 71"),
        ("UPDATE earning_days SET day = 7", "7 {worker} is kept as 71, its rows say 0"),
    ],
)
def test_a_sum_that_is_not_that_of_its_rows_is_found(address: str, statement: str, sentence: str) -> None:
    database = Database(address)
    alice, bob = client(database), client(database, "bob", 0)
    served(database, alice, bob, "j", DAY_MS)
    assert rolled_up(database, EARNING_DAYS.roll_up)
    assert check(database) == []
    with database.transaction() as connection:
        connection.execute(text(statement))
    found = check(database)
    database.close()
    assert any(sentence.format(worker=f"{bob.account}/w") in one and "earning_days" in one for one in found), found
