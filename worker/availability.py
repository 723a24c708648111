"""How many slots are offered now, and why not all: the owner's word, his hours, his own use of the GPU, heat.

Pure: readings, the time and the owner's rules go in. Fewer slots never end a job: what runs finishes, and no new one
comes until there is room again.
"""

from dataclasses import dataclass
from typing import Literal

from worker.machine import Reading
from worker.schedule import Schedule

GIB = 2**30
# Somebody else on the GPU. A desktop that only draws its windows stays below both; a game or a training run does not.
OTHERS_UTILISATION = 0.2
OTHERS_BYTES = 1 * GIB  # more than they held at the quietest moment so far
SIGHTINGS = 2  # readings in a row: one alone may be a window that was moved

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
    quiet_s: float = 300.0  # without such use, before slots are offered again


@dataclass(frozen=True)
class Offered:
    """`reason` None: all slots. `words` are for the owner."""

    slots: int
    reason: Reason | None = None
    words: str = ""


@dataclass(frozen=True)
class Moment:
    """What a decision rests on. `minute` of the week in local time, `now` in seconds of any steady clock."""

    readings: tuple[Reading, ...]
    minute: int
    now: float
    paused: bool = False
    busy: bool = False  # jobs of ours run: what the whole GPU does says nothing about others


class Availability:
    """Remembers what hysteresis needs: since when it has been quiet, and how far heat has brought the slots down."""

    def __init__(self, rules: Rules, slots: int) -> None:
        self._rules = rules
        self._slots = slots
        self._ceiling = slots
        self._stepped = float("-inf")
        self._hot: tuple[Reason, str] = ("too_hot", "")
        self._seen = 0  # sightings in a row
        self._used_until: float | None = None  # the owner's use, with the quiet time after it
        self._use = ""
        self._least: dict[int, int] = {}  # bytes that others held on each GPU at the quietest moment

    def decide(self, moment: Moment) -> Offered:
        self._watch_heat(moment)
        self._watch_owner(moment)
        schedule = self._rules.schedule
        if moment.paused:
            return Offered(0, "paused", "paused by its owner; --resume goes on")
        if schedule is not None and not schedule.is_open(moment.minute):
            return Offered(0, "off_schedule", f"outside of {schedule.text}; opens {schedule.opens(moment.minute)}")
        if self._used_until is not None:
            left = self._used_until - moment.now
            return Offered(0, "owner_uses_gpu", f"{self._use}; back after {left:.0f} s of quiet")
        if self._ceiling < self._slots:
            return Offered(self._ceiling, *self._hot)
        return Offered(self._slots)

    # ---- the owner's own use -------------------------------------------------------------------------------------

    def _watch_owner(self, moment: Moment) -> None:
        if not self._rules.yields:
            return
        uses = [use for n, reading in enumerate(moment.readings) if (use := self._use_of(n, reading, moment.busy))]
        self._seen = self._seen + 1 if uses else 0
        if uses:
            self._use = uses[0]
        if self._seen >= SIGHTINGS or (uses and self._used_until is not None):
            self._used_until = moment.now + self._rules.quiet_s
        elif self._used_until is not None and moment.now >= self._used_until:
            self._used_until = None

    def _use_of(self, index: int, reading: Reading, busy: bool) -> str:
        """What others do on this GPU, in words; empty: nothing that matters."""
        if reading.others_bytes is not None:
            least = min(reading.others_bytes, self._least.get(index, reading.others_bytes))
            self._least[index] = least
            if reading.others_bytes - least >= OTHERS_BYTES:
                return f"another program holds {reading.others_bytes / GIB:.1f} GiB of {reading.name}"
        utilisation = reading.others_utilisation
        if utilisation is None and reading.others_bytes is None and not busy:
            utilisation = reading.utilisation  # processes cannot be told apart here, but none of them is ours
        if utilisation is not None and utilisation >= OTHERS_UTILISATION:
            return f"another program uses {reading.name} ({utilisation:.0%})"
        return ""

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
