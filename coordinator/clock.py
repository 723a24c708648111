"""The time of day, as it is stored and told: Unix milliseconds."""

import time

DAY_MS = 86_400_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def day_start_ms(at_ms: int, days_before: int = 0) -> int:
    """Midnight (UTC) that began the day of `at_ms`, or one so many days before."""
    return (at_ms // DAY_MS - days_before) * DAY_MS
