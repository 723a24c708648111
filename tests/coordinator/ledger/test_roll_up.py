from sqlalchemy import select

from coordinator.clock import DAY_MS
from coordinator.ledger.earning_days import EARNING_DAYS
from coordinator.ledger.roll_up import SETTLED_MS
from coordinator.store.database import Database
from coordinator.store.rollup_tables import earning_days
from tests.coordinator.ledger.builders import client
from tests.coordinator.ledger.test_earning_days import served


def test_of_what_was_last_the_greater_stays(database: Database) -> None:
    alice, bob = client(database, spark_nano=1000), client(database, "bob", 0)
    at_ms = DAY_MS
    for job, minute in (("late", 9), ("early", 5)):
        served(database, alice, bob, job, DAY_MS + minute * 60_000)
        for _ in range(3):
            at_ms += SETTLED_MS
            while EARNING_DAYS.roll(database, at_ms):
                pass
    ((jobs, last_ms),) = database.query(select(earning_days.c.jobs, earning_days.c.last_ms))
    assert (jobs, last_ms) == (2, DAY_MS + 9 * 60_000)
