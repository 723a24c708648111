"""Ids exactly once, in order, and one end, whatever happens to replicas, workers and the bus."""

import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.coordinator.cluster.network import Network, calm
from tests.thoroughness import ALL, at_most


@pytest.mark.parametrize("seed", range(200 if ALL else 8))
def test_no_storm_loses_or_doubles_a_token(seed: int) -> None:
    network = Network(seed)
    for _ in range(1500):
        network.happens()
    calm(network)


class Cluster(RuleBasedStateMachine):
    """The same acts, in an order that hypothesis chooses and makes short where one breaks a promise."""

    @initialize(chance=st.randoms(use_true_random=False), nodes=st.integers(2, 3))
    def begins(self, chance: random.Random, nodes: int) -> None:
        self.network = Network(0, nodes)
        self.network.random = chance

    @rule()
    def a_client_asks(self) -> None:
        self.network.submit()

    @rule()
    def a_client_leaves(self) -> None:
        self.network.cancel()

    @rule(times=st.integers(1, 8))
    def clients_take(self, times: int) -> None:
        for _ in range(times):
            self.network.takes()

    @rule(times=st.integers(1, 16))
    def messages_arrive_or_not(self, times: int) -> None:
        for _ in range(times):
            self.network.carry()

    @rule(worker=st.integers(0, 2), times=st.integers(1, 8))
    def a_worker_works(self, worker: int, times: int) -> None:
        box = self.network.boxes[worker]
        self.network.dial(box)
        self.network.heartbeat(box)
        for _ in range(times):
            self.network.work(box)

    @rule(worker=st.integers(0, 2))
    def a_line_breaks(self, worker: int) -> None:
        self.network.hang_up(self.network.boxes[worker])

    @rule(worker=st.integers(0, 2))
    def a_worker_starts_anew(self, worker: int) -> None:
        self.network.restart(self.network.boxes[worker])

    @rule()
    def a_replica_dies(self) -> None:
        self.network.kill()

    @rule()
    def two_replicas_are_cut_apart(self) -> None:
        self.network.cut()

    @rule()
    def a_cell_hears_where_a_worker_is(self) -> None:
        self.network.gossip()

    @rule()
    def a_cell_gives_a_job_back(self) -> None:
        self.network.shed()

    @rule(seconds=st.sampled_from((0.25, 1.0, 4.0, 12.0)))
    def time_goes_on(self, seconds: float) -> None:
        self.network.pass_time(seconds)

    @invariant()
    def promises_are_kept(self) -> None:
        if hasattr(self, "network"):
            self.network.check()

    def teardown(self) -> None:
        if hasattr(self, "network"):
            calm(self.network)


TestCluster = Cluster.TestCase
TestCluster.settings = settings(max_examples=at_most(300), stateful_step_count=60, deadline=None)
