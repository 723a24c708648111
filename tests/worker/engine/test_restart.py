"""The pauses between restarts, and the end of patience."""

import pytest

from worker.engine.restart import RestartPolicy, machines_fault


def test_the_pause_doubles_up_to_half_a_minute() -> None:
    policy = RestartPolicy()
    pauses = [policy.crashed(now=i * 1000.0, ready_since=None) for i in range(9)]
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_a_minute_of_health_starts_over() -> None:
    policy = RestartPolicy()
    assert policy.crashed(1000, None) == 0.5
    assert policy.crashed(2000, ready_since=1940.5) == 1
    assert policy.crashed(3000, ready_since=2940) == 0.5


def test_the_fifth_crash_within_ten_minutes_is_final() -> None:
    policy = RestartPolicy()
    for now in (0, 100, 200, 300):
        assert policy.crashed(now, None) is not None
    assert policy.crashed(599, None) is None


def test_crashes_older_than_ten_minutes_are_forgiven() -> None:
    policy = RestartPolicy()
    for now in (0, 100, 200, 300):
        policy.crashed(now, None)
    assert policy.crashed(600, None) is not None


def test_health_does_not_forgive_the_count() -> None:
    policy = RestartPolicy()
    for now in (0, 120, 240, 360):
        assert policy.crashed(now, ready_since=now - 100) == 0.5
    assert policy.crashed(480, ready_since=380) is None


@pytest.mark.parametrize(
    ("ready", "at_work", "proven", "crashed", "said", "row"),
    [
        (False, False, False, False, "gpu_unreachable", "gpu_unreachable"),  # a refused load
        (False, False, False, False, "", "engine_not_loaded"),  # killed for memory, or a bug
        (False, False, False, True, "", "engine_cannot_compute"),  # it died in its warm-up
        (False, False, True, False, "", "engine_not_loaded"),  # it served before, and the memory is taken now
        (True, True, False, True, "", "engine_cannot_compute"),  # its first jobs
        (True, True, False, False, "", "engine_cannot_compute"),  # a hang that was ended counts too
        (True, True, True, True, "", ""),  # a job may have done it
        (True, False, False, False, "", ""),  # killed while it had nothing to do
    ],
)
def test_whose_fault_a_death_is(ready: bool, at_work: bool, proven: bool, crashed: bool, said: str, row: str) -> None:
    assert machines_fault(ready=ready, at_work=at_work, proven=proven, crashed=crashed, said=said) == row
