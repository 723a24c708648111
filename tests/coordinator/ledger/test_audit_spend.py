from sqlalchemy import text

from coordinator.ledger.audit_spend import check_spend
from coordinator.ledger.orders import Counted
from coordinator.store.database import Database
from tests.coordinator.ledger.builders import client, do, hold, settle


def test_a_sum_that_the_holds_do_not_say_is_found(database: Database) -> None:
    alice = client(database)
    counted = (Counted("a"), Counted("b"))
    do(database, hold(alice, "x", counted=counted), settle(alice, "x", 60), hold(alice, "y", nano=7, counted=counted))
    do(database, hold(alice, "z"), settle(alice, "z"))
    assert check_spend(database, 10) == []
    with database.transaction() as connection:
        connection.execute(text("UPDATE key_spend SET nano = nano + 1 WHERE counter = 'a'"))
        connection.execute(text("DELETE FROM key_spend WHERE counter = 'b' AND period = '1970-01'"))
    assert check_spend(database, 10) == [
        "key a has spent 68 in 1970-01, its holds say 67",
        "key b has spent 0 in 1970-01, its holds say 67",
        "key a has spent 68 in 1970-01-01, its holds say 67",
    ]
    assert len(check_spend(database, 1)) == 1
    with database.transaction() as connection:
        connection.execute(text("DELETE FROM key_spend"))
    assert check_spend(database, 10) == [], "what is forgotten is not missed"
