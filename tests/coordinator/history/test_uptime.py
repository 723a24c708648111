import pytest

from coordinator.history.figures import HOUR_MS, MINUTE_MS
from coordinator.history.uptime import Uptime, first_ms, last_ms, uptime

HOUR = 500_000 * HOUR_MS
FULL = (1 << 60) - 1
TWO = {HOUR: FULL, HOUR + HOUR_MS: FULL}
KNOWN = HOUR, HOUR + 2 * HOUR_MS


def test_a_share_is_of_the_minutes_of_the_window() -> None:
    found = uptime({HOUR: (1 << 30) - 1}, TWO, KNOWN, HOUR, HOUR + 2 * HOUR_MS)
    assert found == Uptime(120, 120, 30)
    assert found.share == 0.25


@pytest.mark.parametrize(
    ("since", "until", "minutes", "up"), [(0, 5, 5, 5), (25, 35, 10, 5), (30, 120, 90, 0), (59, 61, 2, 0), (5, 5, 0, 0)]
)
def test_only_minutes_within_it_count(since: int, until: int, minutes: int, up: int) -> None:
    masks = {HOUR: (1 << 30) - 1}
    found = uptime(masks, TWO, KNOWN, HOUR + since * MINUTE_MS, HOUR + until * MINUTE_MS)
    assert found == Uptime(minutes, minutes, up)


def test_before_the_history_began_and_after_its_last_minute_there_is_nothing_to_be_up_in() -> None:
    measured = {HOUR: 0b111000}
    found = uptime({HOUR: 0b010000}, measured, (first_ms(measured), last_ms(measured)), HOUR - HOUR_MS, HOUR + HOUR_MS)
    assert found == Uptime(3, 3, 1)


def test_a_minute_in_which_no_coordinator_ran_is_one_in_which_nothing_was_served() -> None:
    measured = {HOUR: 0b1001}
    assert uptime({HOUR: 0b1001}, measured, (HOUR, last_ms(measured)), HOUR, HOUR + HOUR_MS) == Uptime(4, 2, 2)


def test_without_a_history_there_is_no_share() -> None:
    assert uptime({}, {}, (0, 0), HOUR, HOUR + HOUR_MS) == Uptime(0, 0, 0)
    assert uptime({}, {}, (0, 0), HOUR, HOUR + HOUR_MS).share is None


def test_where_masks_begin_and_end() -> None:
    assert (first_ms({}), last_ms({})) == (0, 0)
    masks = {HOUR: 0b1100, HOUR + HOUR_MS: 0}
    assert first_ms(masks) == HOUR + 2 * MINUTE_MS
    assert last_ms(masks) == HOUR + 4 * MINUTE_MS
