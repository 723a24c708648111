"""How many slots are offered now, and why not all: the owner's word and hours, other use of the GPU, heat.

Pure: readings, the time and the owner's rules go in. Fewer slots never end a job: running jobs finish, and no new one
is taken until there is room again.
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
    """What the owner has decided about hours, heat and power."""

    schedule: Schedule | None = None
    max_temperature_c: float | None = None
    max_power_w: float | None = None  # of each GPU
    yields: bool = False  # to the owner's own use of the GPU
    release_s: float | None = None  # after so long without slots by the owner's will the model leaves the GPU


@dataclass(frozen=True)
class SlotOffer:
    """How many slots the network may use, and why not all.

    `reason` None: all of them. `words`: the reason as the owner reads it. `release`: the model is to leave the GPU's
    memory too.
    """

    slots: int
    reason: Reason | None = None
    words: str = ""
    release: bool = False


@dataclass(frozen=True)
class Conditions:
    """All that a decision depends on. `minute`: of the week, local time; `now`: seconds of any steady clock."""

    readings: tuple[Reading, ...]
    minute: int
    now: float
    paused: bool = False
    busy: bool = False  # jobs of ours run: what the whole GPU does says nothing about others


class Availability:
    """Decides how many slots are offered, again and again.

    Between decisions it remembers since when the owner wants none offered, and how far heat has lowered them.
    """

    def __init__(self, rules: Rules, slots: int, use: OwnersUse) -> None:
        self._rules = rules
        self._owners_use = use
        self._slots = slots
        self._ceiling = slots
        self._stepped = float("-inf")
        self._hot: tuple[Reason, str] = ("too_hot", "")
        self._closed_since: float | None = None  # paused, or out of hours

    def decide(self, conditions: Conditions) -> SlotOffer:
        """Return the offer for now. To be called every few seconds: heat lowers the slots step by step."""
        self._watch_heat(conditions)
        if self._rules.yields:
            self._owners_use.watch(conditions.readings, conditions.busy, conditions.now)
        offer = self._decide(conditions)
        return replace(offer, release=self._releases(offer.reason, conditions.now))

    def _decide(self, conditions: Conditions) -> SlotOffer:
        schedule = self._rules.schedule
        if conditions.paused:
            return SlotOffer(0, "paused", "paused by its owner; --resume goes on")
        if schedule is not None and not schedule.is_open(conditions.minute):
            return SlotOffer(
                0, "off_schedule", f"outside of {schedule.text}; opens {schedule.opens(conditions.minute)}"
            )
        if left := self._owners_use.left_s(conditions.now):
            return SlotOffer(0, "owner_uses_gpu", f"{self._owners_use.words}; back after {left:.0f} s of quiet")
        if self._ceiling < self._slots:
            return SlotOffer(self._ceiling, *self._hot)
        return SlotOffer(self._slots)

    def _releases(self, reason: Reason | None, now: float) -> bool:
        """Return True when the owner has wanted the machine for so long that the model's memory should be free too."""
        closed = reason in ("paused", "off_schedule")
        if not closed or self._closed_since is None:
            self._closed_since = now
        if self._rules.release_s is None or not (closed or reason == "owner_uses_gpu"):
            return False
        lasted = now - self._closed_since if closed else self._owners_use.lasted_s(now)
        return lasted >= self._rules.release_s

    # ---- ceilings ------------------------------------------------------------------------------------------------

    def _watch_heat(self, conditions: Conditions) -> None:
        over = self._over(conditions.readings, 1.0, 0.0)
        since = conditions.now - self._stepped
        if over is not None and since >= DOWN_S:
            self._ceiling = max(0, min(self._ceiling - 1, self._ceiling * 3 // 4))
            self._stepped, self._hot = conditions.now, over
        elif self._ceiling < self._slots and since >= UP_S and self._cooler(conditions.readings):
            self._ceiling += 1
            self._stepped = conditions.now

    def _cooler(self, readings: tuple[Reading, ...]) -> bool:
        """Return True when every reading is well below the ceilings; without readings nobody knows."""
        return bool(readings) and self._over(readings, LESS_POWER, COOLER_C) is None

    def _over(self, readings: tuple[Reading, ...], share: float, below_c: float) -> tuple[Reason, str] | None:
        """Return the first ceiling that is exceeded, with the words for it; None: none is.

        The ceilings count as lowered: to `share` of the power, and by `below_c` degrees.
        """
        most_c, most_w = self._rules.max_temperature_c, self._rules.max_power_w
        for reading in readings:
            if most_c is not None and reading.temperature_c is not None and reading.temperature_c > most_c - below_c:
                return "too_hot", f"{reading.name} has {reading.temperature_c:.0f} °C, the ceiling is {most_c:.0f} °C"
            if most_w is not None and reading.power_w is not None and reading.power_w > most_w * share:
                return "too_much_power", f"{reading.name} draws {reading.power_w:.0f} W, the ceiling is {most_w:.0f} W"
        return None
