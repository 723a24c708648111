"""When this worker serves: weekly windows in local time, written as an owner would say them. Pure.

22:00-07:00                              every night; the day of a window is the one on which it begins
mon-fri 18:00-08:00, sat-sun 00:00-24:00
mon+wed 20:00-23:00
"""

import re
from dataclasses import dataclass

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MIN = 24 * 60
WEEK_MIN = 7 * DAY_MIN
_ENTRY = re.compile(r"(?:([a-z+-]+)\s+)?(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
MOST_ENTRIES = 32


class ScheduleError(ValueError):
    """What was written is no schedule; the text says which part and how to write it."""


@dataclass(frozen=True)
class Schedule:
    """The weekly windows in which the worker serves.

    `windows`: (first, length) in minutes, `first` counted from Monday 0:00; `text` is what the owner wrote.
    """

    windows: tuple[tuple[int, int], ...]
    text: str

    def is_open(self, minute: int) -> bool:
        """Return True in one of the windows. `minute`: of the week, from Monday 0:00 local time."""
        return any((minute - first) % WEEK_MIN < length for first, length in self.windows)

    def opens(self, minute: int) -> str:
        """Return the beginning of the next window, for people: "tue 22:00"."""
        first = min((first for first, _ in self.windows), key=lambda first: (first - minute) % WEEK_MIN)
        day, rest = divmod(first % WEEK_MIN, DAY_MIN)
        return f"{DAYS[day]} {rest // 60:02d}:{rest % 60:02d}"


def parse(text: str) -> Schedule:
    """Read the owner's text. Raises ScheduleError."""
    entries = [entry.strip() for entry in text.lower().split(",")]
    if len(entries) > MOST_ENTRIES:
        raise ScheduleError(f"a schedule has at most {MOST_ENTRIES} windows")
    return Schedule(tuple(window for entry in entries for window in _windows(entry)), text)


def _windows(entry: str) -> list[tuple[int, int]]:
    found = _ENTRY.fullmatch(entry)
    if found is None:
        raise ScheduleError(f"{entry!r} is no window: write it as 22:00-07:00 or mon-fri 18:00-08:00")
    days, *clock = found.groups()
    begin, end = (_minute(entry, int(clock[i]), int(clock[i + 1])) for i in (0, 2))
    if begin == end or begin == DAY_MIN:
        raise ScheduleError(f"{entry!r} is empty; a whole day is 00:00-24:00")
    length = (end - begin) % DAY_MIN or DAY_MIN
    return [(day * DAY_MIN + begin, length) for day in _days(entry, days)]


def _minute(entry: str, hour: int, minute: int) -> int:
    if minute > 59 or hour * 60 + minute > DAY_MIN:
        raise ScheduleError(f"{entry!r}: {hour}:{minute:02d} is no time of day")
    return hour * 60 + minute


def _days(entry: str, days: str | None) -> list[int]:
    if days is None:
        return list(range(7))
    found: list[int] = []
    for part in days.split("+"):
        first, dash, last = part.partition("-")
        last = last if dash else first
        if first not in DAYS or last not in DAYS:
            raise ScheduleError(f"{entry!r}: days are {', '.join(DAYS)}, as mon-fri or mon+wed")
        begin = DAYS.index(first)
        found += [(begin + n) % 7 for n in range((DAYS.index(last) - begin) % 7 + 1)]
    return sorted(set(found))
