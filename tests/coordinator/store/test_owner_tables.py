import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from coordinator.store.database import Database
from coordinator.store.owner_tables import electricity, energy_days


def test_energy_and_its_price_belong_to_an_account_that_there_is(database: Database) -> None:
    row = {"account": "nobody", "day": 1, "worker": "w", "joules": 1, "measured_s": 1, "online_s": 1}
    for statement in (insert(energy_days).values(row), insert(electricity).values(account="nobody", nano=1)):
        with pytest.raises(IntegrityError), database.transaction() as connection:
            connection.execute(statement)
