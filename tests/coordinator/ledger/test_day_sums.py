from sqlalchemy import select

from coordinator.clock import DAY_MS
from coordinator.ledger.earning_days import EARNING_DAYS
from coordinator.store.database import Database
from coordinator.store.rollup_tables import earning_days
from tests.coordinator.ledger.builders import client
from tests.coordinator.ledger.test_earning_days import served
from tests.coordinator.store.rolled_up import rolled_up


def test_of_what_was_last_the_greater_stays(database: Database) -> None:
    alice, bob = client(database, spark_nano=1000), client(database, "bob", 0)
    for job, minute in (("late", 9), ("early", 5)):
        served(database, alice, bob, job, DAY_MS + minute * 60_000)
        rolled_up(database, EARNING_DAYS.roll_up)
    ((jobs, last_ms),) = database.query(select(earning_days.c.jobs, earning_days.c.last_ms))
    assert (jobs, last_ms) == (2, DAY_MS + 9 * 60_000)
