"""How much of a time a model was served, from masks with a bit for each minute of an hour; pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from coordinator.history.figures import HOUR_MS, MINUTE_MS

Masks = Mapping[int, int]  # beginning of an hour -> its minutes
MINUTES = HOUR_MS // MINUTE_MS


@dataclass(frozen=True)
class Uptime:
    """`minutes`: of the time, as far as there was a history; `measured`: those in which a coordinator ran, and `up`
    those in which a worker served the model. In a minute without a coordinator nothing was served."""

    minutes: int
    measured: int
    up: int

    @property
    def share(self) -> float | None:
        return self.up / self.minutes if self.minutes else None


def uptime(up: Masks, measured: Masks, known: tuple[int, int], since_ms: int, until_ms: int) -> Uptime:
    """Of the time from `since_ms` to `until_ms`. `measured`: the masks of the whole network; `known`: from when until
    when there is a history."""
    since_ms, until_ms = max(since_ms, known[0]), min(until_ms, known[1])
    minutes = max(0, until_ms - since_ms) // MINUTE_MS
    return Uptime(minutes, _count(measured, since_ms, until_ms), _count(up, since_ms, until_ms))


def first_ms(masks: Masks) -> int:
    """The beginning of the first minute in them; 0: there is none."""
    hour = min((at for at, mask in masks.items() if mask), default=None)
    if hour is None:
        return 0
    mask = masks[hour]
    return hour + ((mask & -mask).bit_length() - 1) * MINUTE_MS


def last_ms(masks: Masks) -> int:
    """The end of the last minute in them; 0: there is none."""
    hour = max((at for at, mask in masks.items() if mask), default=None)
    return 0 if hour is None else hour + masks[hour].bit_length() * MINUTE_MS


def _count(masks: Masks, since_ms: int, until_ms: int) -> int:
    hours = range(since_ms - since_ms % HOUR_MS, until_ms, HOUR_MS)
    return sum(_within(masks.get(at, 0), at, since_ms, until_ms).bit_count() for at in hours)


def _within(mask: int, at_ms: int, since_ms: int, until_ms: int) -> int:
    first = max(0, since_ms - at_ms) // MINUTE_MS
    last = min(max(0, until_ms - at_ms) // MINUTE_MS, MINUTES)
    return mask >> first << first & (1 << last) - 1
