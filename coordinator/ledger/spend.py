"""What keys spend on a day and in a month, pure: as it was read, then as a group of orders changes it.

A hold counts with the most that it can cost, before it is made: of requests that come together none passes a cap with
another. Its end gives back what was not charged, to the periods in which it was asked for.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from coordinator.ledger.orders import Capped, Counted, Hold, Period

Purse = tuple[str, str]  # a period (2026-12-01 or 2026-12), and the name of a key's counters


def periods(at_ms: int) -> dict[Period, str]:
    """The day and the month (UTC) of a time."""
    day = datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d")
    return {"day": day, "month": day[:7]}


def ends_ms(period: Period, at_ms: int) -> int:
    """When the day or the month (UTC) of a time is over."""
    begun = datetime.fromtimestamp(at_ms / 1000, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        following = begun + timedelta(days=1)
    else:
        following = begun.replace(year=begun.year + begun.month // 12, month=begun.month % 12 + 1, day=1)
    return round(following.timestamp() * 1000)


def purses(names: Iterable[str], at_ms: int) -> set[Purse]:
    """Where it counts when so called keys spend at that time."""
    now = periods(at_ms).values()
    return {(period, name) for name in names for period in now}


@dataclass
class Spend:
    """The purses that a group touches; one that is not there is empty. Amounts are nano-dollars."""

    nano: dict[Purse, int] = field(default_factory=dict)
    before: dict[Purse, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.before = dict(self.nano)

    def refusal(self, hold: Hold) -> Capped | None:
        """The first cap that the hold would pass, its own key's before those of the keys that this was made with."""
        if not hold.nano:
            return None
        now = periods(hold.at_ms)
        for counted in hold.counted:
            for period, name in now.items():
                cap, spent = _cap(counted, period), self.nano.get((name, counted.name), 0)
                if cap is not None and spent + hold.nano > cap:
                    return Capped(counted.name, period, cap, spent)
        return None

    def add(self, names: Iterable[str], at_ms: int, nano: int) -> None:
        """Count an amount, or take it back where it is negative."""
        for purse in purses(names, at_ms) if nano else ():
            self.nano[purse] = self.nano.get(purse, 0) + nano


def _cap(counted: Counted, period: Period) -> int | None:
    return counted.day_nano if period == "day" else counted.month_nano
