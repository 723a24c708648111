"""The pauses between restarts, and the end of patience."""

from worker.engine.restart import RestartPolicy


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
