from coordinator.hub.clock import Clock


def test_time_in_which_the_process_stood_still_does_not_count() -> None:
    times = iter([0.0, 1.0, 2.5, 100.0, 100.5])
    clock = Clock(lambda: next(times))
    assert [clock.now() for _ in range(4)] == [1.0, 2.5, 2.75, 3.25]
