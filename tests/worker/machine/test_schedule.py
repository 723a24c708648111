"""Windows of the week, as an owner writes them."""

import pytest

from worker.machine.schedule import DAY_MIN, ScheduleError, parse

MON, SAT, SUN = 0, 5 * DAY_MIN, 6 * DAY_MIN


def at(day: int, hour: int, minute: int = 0) -> int:
    return day + hour * 60 + minute


@pytest.mark.parametrize(
    ("text", "open_at", "closed_at"),
    [
        ("22:00-07:00", [at(MON, 22), at(MON, 3), at(SUN, 23), at(MON, 6, 59)], [at(MON, 7), at(MON, 21, 59)]),
        ("mon-fri 18:00-08:00", [at(MON, 18), at(SAT, 7)], [at(MON, 7), at(SAT, 18), at(SUN, 3)]),
        ("sat-sun 00:00-24:00", [at(SAT, 0), at(SUN, 23, 59)], [at(MON, 0), at(SAT - DAY_MIN, 23)]),
        ("mon+sat 9:00-10:00, sun 20:00-21:00", [at(MON, 9), at(SAT, 9), at(SUN, 20)], [at(SUN, 9), at(MON, 20)]),
        ("fri-mon 00:00-01:00", [at(MON, 0), at(SUN, 0)], [at(MON + DAY_MIN, 0)]),
        ("SUN 23:00-02:00", [at(SUN, 23), at(MON, 1)], [at(MON, 2), at(SUN, 22)]),
    ],
)
def test_a_window_belongs_to_the_day_on_which_it_begins(text: str, open_at: list[int], closed_at: list[int]) -> None:
    schedule = parse(text)
    assert all(schedule.is_open(minute) for minute in open_at)
    assert not any(schedule.is_open(minute) for minute in closed_at)


def test_the_next_opening_is_told_in_words() -> None:
    schedule = parse("22:00-07:00, sat 12:00-14:00")
    assert schedule.opens(at(MON, 8)) == "mon 22:00"
    assert schedule.opens(at(SAT, 8)) == "sat 12:00"
    assert parse("mon 08:00-09:00").opens(at(MON, 9)) == "mon 08:00"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "22:00-07:00"),
        ("at night", "at night"),
        ("25:00-07:00", "25:00"),
        ("22:60-07:00", "22:60"),
        ("24:00-07:00", "empty"),
        ("22:00-22:00", "00:00-24:00"),
        ("moon 22:00-07:00", "mon"),
        ("mon- 22:00-07:00", "mon"),
        (",".join(["01:00-02:00"] * 33), "32"),
    ],
)
def test_what_is_no_schedule_is_refused_with_how_to_write_it(text: str, says: str) -> None:
    with pytest.raises(ScheduleError, match=says):
        parse(text)
