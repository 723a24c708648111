from coordinator.accounts.quota import Quota, quota_of
from coordinator.accounts.rows import KeyLimits


def test_a_keys_own_limit_comes_before_the_operators_and_0_is_no_limit() -> None:
    default = Quota(60, 1000, 8)
    assert quota_of(KeyLimits(), default) == default
    assert quota_of(KeyLimits(rpm=5, concurrency=0), default) == Quota(5, 1000, 0)
