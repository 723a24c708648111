from coordinator.ledger.price_list import pin
from coordinator.ledger.pricing import Tariff
from coordinator.store.database import Database


def test_a_price_that_changes_becomes_a_new_version_and_one_that_stays_keeps_its_own(database: Database) -> None:
    first = {"m": (300, 900), "n": (1, 2)}
    assert pin(database, first, 1) == {"m": Tariff(1, 300, 900), "n": Tariff(1, 1, 2)}
    assert pin(database, first, 2) == pin(database, first, 3)
    assert pin(database, {"m": (300, 901), "n": (1, 2)}, 4) == {"m": Tariff(2, 300, 901), "n": Tariff(1, 1, 2)}
    assert pin(database, {"m": (300, 900)}, 5) == {"m": Tariff(3, 300, 900)}
