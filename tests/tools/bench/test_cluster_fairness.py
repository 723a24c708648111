"""In virtual time on the real cores: several replicas are as fair and as strict as one."""

import pytest

from tools.bench.cluster_fairness.__main__ import REPLICAS, WEIGHTED, flood, shares, wait_s


def test_shares_are_by_weight_though_one_replica_has_most_of_the_requests() -> None:
    got, of = shares(REPLICAS, seconds=20, seed=2), sum(WEIGHTED)
    for weight, share in got.items():
        assert share == pytest.approx(weight / of, rel=0.05)


def test_a_small_account_waits_about_as_long_as_in_one_process() -> None:
    three, one = (wait_s(replicas, 10, seed=2) for replicas in (REPLICAS, 1))
    assert three <= 1.2 * one


def test_a_key_that_floods_every_replica_gets_no_more_than_its_limit() -> None:
    burst, a_minute = flood(REPLICAS)
    assert burst <= REPLICAS * 60
    assert a_minute <= 60.5
    assert flood(1)[0] == 60
