"""Ids exactly once, in order, and one end, whatever happens to replicas, workers and the bus."""

import pytest

from tests.coordinator.cluster.network import Network, calm


@pytest.mark.parametrize("seed", range(20))
def test_no_storm_loses_or_doubles_a_token(seed: int) -> None:
    network = Network(seed)
    for _ in range(1500):
        network.happens()
    calm(network)
