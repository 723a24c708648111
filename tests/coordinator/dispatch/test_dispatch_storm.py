"""Random storms against dispatch: whatever workers, sockets and clients do, the promises hold."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.coordinator.dispatch.storm import Storm, calm
from tests.thoroughness import at_most


@settings(max_examples=at_most(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), steps=st.integers(20, 400))
def test_in_any_storm_tokens_come_once_and_in_order_and_every_job_ends_once(seed: int, steps: int) -> None:
    storm = Storm(seed)
    for _ in range(steps):
        storm.happens()
    calm(storm)
