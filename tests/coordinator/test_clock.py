from coordinator.clock import DAY_MS, day_start_ms, now_ms


def test_a_day_begins_at_midnight_utc() -> None:
    assert day_start_ms(DAY_MS) == DAY_MS == day_start_ms(2 * DAY_MS - 1)
    assert day_start_ms(3 * DAY_MS + 5, 2) == DAY_MS


def test_the_clock_is_in_milliseconds_of_this_century() -> None:
    assert 10**12 < now_ms() < 10**13
