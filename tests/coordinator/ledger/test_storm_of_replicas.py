"""Three replicas on one PostgreSQL, with crashes and deadlocks. SUPERNET_STORM=100000 gives as many orders."""

import os
from collections.abc import Callable

from tests.coordinator.ledger.storm_of_replicas import KINDS, storm

ORDERS = int(os.environ.get("SUPERNET_STORM", "3000"))


def test_money_adds_up_whatever_replica_dies_hangs_or_is_in_the_way(postgres: Callable[[], str]) -> None:
    seen = storm(postgres(), 1, ORDERS)
    assert seen["orders"] >= ORDERS
    assert min(seen[kind] for kind in KINDS) > 0, seen
