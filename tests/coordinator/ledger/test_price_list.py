from collections.abc import Callable

from coordinator.ledger.price_list import pin
from coordinator.ledger.pricing import Tariff
from coordinator.store.database import Database


def test_a_price_that_changes_becomes_a_new_version_and_one_that_stays_keeps_its_own(database: Database) -> None:
    first = {"m": (300, 900), "n": (1, 2)}
    assert pin(database, first, 1) == {"m": Tariff(1, 300, 900), "n": Tariff(1, 1, 2)}
    assert pin(database, first, 2) == pin(database, first, 3)
    assert pin(database, {"m": (300, 901), "n": (1, 2)}, 4) == {"m": Tariff(2, 300, 901), "n": Tariff(1, 1, 2)}
    assert pin(database, {"m": (300, 900)}, 5) == {"m": Tariff(3, 300, 900)}


def test_beside_replicas_that_run_an_older_catalog_sets_no_prices(postgres: Callable[[], str]) -> None:
    url = postgres()
    older, newer = {"m": (1, 2), "gone": (5, 5)}, {"m": (1, 3)}
    before = Database(url, serve=True, shared=True)
    assert pin(before, older, 1) == {"m": Tariff(1, 1, 2), "gone": Tariff(1, 5, 5)}
    upgraded = Database(url, serve=True, shared=True)
    assert pin(upgraded, newer, 2) == {"m": Tariff(2, 1, 3)}
    assert pin(before, older, 3) == {"m": Tariff(2, 1, 3), "gone": Tariff(1, 5, 5)}, "started again as it was"
    assert pin(upgraded, newer, 4) == {"m": Tariff(2, 1, 3)}
    upgraded.close()
    assert pin(before, older, 5)["m"] == Tariff(3, 1, 2), "nobody else runs: the way back"
    before.close()


def test_a_list_that_its_operator_means_is_the_newest_even_if_it_is_one_of_before(postgres: Callable[[], str]) -> None:
    url = postgres()
    older, newer = {"m": (1, 2)}, {"m": (1, 3)}
    one, two = (Database(url, serve=True, shared=True) for _ in range(2))
    pin(one, older, 1)
    assert pin(one, newer, 2, meant=True) == {"m": Tariff(2, 1, 3)}
    assert pin(one, older, 3, meant=True) == {"m": Tariff(3, 1, 2)}, "the way back, beside one that runs"
    assert pin(two, newer, 4) == {"m": Tariff(3, 1, 2)}, "which has not read it again yet, and is only started anew"
    assert pin(two, older, 5, meant=True) == {"m": Tariff(3, 1, 2)}
    one.close()
    two.close()
