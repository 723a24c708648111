"""How many slots the network is offered at this moment: the readings, the hours and the owner's word, put together."""

import time

from worker.machine.availability import Availability, Conditions, Rules, SlotOffer
from worker.machine.description import Reading
from worker.machine.owners_use import OwnersUse

STALE_S = 15.0  # older readings say nothing: the driver hangs


class CurrentOffer:
    """Keeps the last readings and the offer that stands, `now`. Times are those of the daemon's steady clock."""

    def __init__(self, rules: Rules, slots: int, use: OwnersUse, paused: bool) -> None:
        self._availability = Availability(rules, slots, use)
        self._readings: tuple[float, tuple[Reading, ...]] = (float("-inf"), ())
        self.now = SlotOffer(slots)
        self.paused = paused

    def sensed(self, readings: tuple[Reading, ...], at: float) -> None:
        """Take new readings. `at`: when the sensors were asked."""
        self._readings = (at, readings)

    def readings(self, at: float) -> tuple[Reading, ...]:
        """Return the last readings, or none if they are too old to say anything."""
        return self._readings[1] if at - self._readings[0] < STALE_S else ()

    def decide(self, at: float, busy: bool) -> tuple[SlotOffer, SlotOffer]:
        """Decide anew; return the offer before and the one that stands now. `busy`: jobs run."""
        local = time.localtime()
        minute = (local.tm_wday * 24 + local.tm_hour) * 60 + local.tm_min
        before = self.now
        self.now = self._availability.decide(Conditions(self.readings(at), minute, at, self.paused, busy))
        return before, self.now
