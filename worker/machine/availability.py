"""How many slots are offered now, and why not all: the owner's word, his hours, his own use of the GPU, heat.

Pure: readings, the time and the owner's rules go in. Fewer slots never end a job: what runs finishes, and no new one
comes until there is room again.
"""

from dataclasses import dataclass, replace
from typing import Literal

from worker.machine.description import Reading
from worker.machine.owners_use import OwnersUse
from worker.machine.schedule import Schedule

# Additive increase, multiplicative decrease, as for congestion: down fast, and up slowly enough to see what it does.
DOWN_S = 10.0
UP_S = 30.0
COOLER_C = 5.0  # this far below the ceiling before a slot is given back
LESS_POWER = 0.9  # and at most this share of it

Reason = Literal["paused", "off_schedule", "owner_uses_gpu", "too_hot", "too_much_power"]


@dataclass(frozen=True)
class Rules:
    """What the owner decided."""

    schedule: Schedule | None = None
    max_temperature_c: float | None = None
    max_power_w: float | None = None  # of each GPU
    yields: bool = False  # to the owner's own use of the GPU
    release_s: float | None = (
        None  # so long without slots by the owner's will, and the model leaves the GPU; None: never
    )


@dataclass(frozen=True)
class Offered:
    """`reason` None: all slots. `words` are for the owner. `release`: the model is to leave the GPU's memory too."""

    slots: int
    reason: Reason | None = None
    words: str = ""
    release: bool = False


@dataclass(frozen=True)
class Moment:
    """What a decision rests on. `minute` of the week in local time, `now` in seconds of any steady clock."""

    readings: tuple[Reading, ...]
    minute: int
    now: float
    paused: bool = False
    busy: bool = False  # jobs of ours run: what the whole GPU does says nothing about others


class Availability:
    """Remembers what hysteresis needs: since when nothing is offered, and how far heat has brought the slots down."""

    def __init__(self, rules: Rules, slots: int, use: OwnersUse) -> None:
        self._rules = rules
        self._owners_use = use
        self._slots = slots
        self._ceiling = slots
        self._stepped = float("-inf")
        self._hot: tuple[Reason, str] = ("too_hot", "")
        self._closed_since: float | None = None  # paused, or out of hours

    def decide(self, moment: Moment) -> Offered:
        self._watch_heat(moment)
        if self._rules.yields:
            self._owners_use.watch(moment.readings, moment.busy, moment.now)
        offered = self._decide(moment)
        return replace(offered, release=self._releases(offered.reason, moment.now))

    def _decide(self, moment: Moment) -> Offered:
        schedule = self._rules.schedule
        if moment.paused:
            return Offered(0, "paused", "paused by its owner; --resume goes on")
        if schedule is not None and not schedule.is_open(moment.minute):
            return Offered(0, "off_schedule", f"outside of {schedule.text}; opens {schedule.opens(moment.minute)}")
        if left := self._owners_use.left_s(moment.now):
            return Offered(0, "owner_uses_gpu", f"{self._owners_use.words}; back after {left:.0f} s of quiet")
        if self._ceiling < self._slots:
            return Offered(self._ceiling, *self._hot)
        return Offered(self._slots)

    def _releases(self, reason: Reason | None, now: float) -> bool:
        """The owner wants the machine, and not for a moment: what the model holds of the GPU is in the way too."""
        closed = reason in ("paused", "off_schedule")
        if not closed or self._closed_since is None:
            self._closed_since = now
        if self._rules.release_s is None or not (closed or reason == "owner_uses_gpu"):
            return False
        lasted = now - self._closed_since if closed else self._owners_use.lasted_s(now)
        return lasted >= self._rules.release_s

    # ---- ceilings ------------------------------------------------------------------------------------------------

    def _watch_heat(self, moment: Moment) -> None:
        over = self._over(moment.readings, 1.0, 0.0)
        since = moment.now - self._stepped
        if over is not None and since >= DOWN_S:
            self._ceiling = max(0, min(self._ceiling - 1, self._ceiling * 3 // 4))
            self._stepped, self._hot = moment.now, over
        elif self._ceiling < self._slots and since >= UP_S and self._cooler(moment.readings):
            self._ceiling += 1
            self._stepped = moment.now

    def _cooler(self, readings: tuple[Reading, ...]) -> bool:
        """A sensor that has fallen silent does not say so."""
        return bool(readings) and self._over(readings, LESS_POWER, COOLER_C) is None

    def _over(self, readings: tuple[Reading, ...], share: float, below_c: float) -> tuple[Reason, str] | None:
        """The first ceiling that is reached when it is lowered to `share` of the power and by `below_c` degrees."""
        most_c, most_w = self._rules.max_temperature_c, self._rules.max_power_w
        for reading in readings:
            if most_c is not None and reading.temperature_c is not None and reading.temperature_c > most_c - below_c:
                return "too_hot", f"{reading.name} has {reading.temperature_c:.0f} °C, the ceiling is {most_c:.0f} °C"
            if most_w is not None and reading.power_w is not None and reading.power_w > most_w * share:
                return "too_much_power", f"{reading.name} draws {reading.power_w:.0f} W, the ceiling is {most_w:.0f} W"
        return None
