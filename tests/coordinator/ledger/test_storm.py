"""Random orders with crashes at every point. SUPERNET_STORM=100000 runs as many orders on each database."""

import os

import pytest

from tests.coordinator.ledger.storm import Storm

ORDERS = int(os.environ.get("SUPERNET_STORM", "2000"))


@pytest.mark.parametrize("seed", [1])
def test_money_adds_up_whatever_dies_when(address: str, seed: int) -> None:
    storm = Storm(address, seed)
    storm.run(ORDERS)
    promoted = storm._booked("promote:%", "earned")
    storm.close()
    assert promoted > 0
    assert storm.capped > 0
    assert storm.count >= ORDERS
