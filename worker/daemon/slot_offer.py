"""How many slots the network is offered at this moment: the readings, the hours and the owner's word, put together."""

import time

from worker.machine.availability import Availability, Moment, Offered, Rules
from worker.machine.description import Reading
from worker.machine.owners_use import OwnersUse

STALE_S = 15.0  # older readings say nothing: the driver hangs


class SlotOffer:
    """`now` is the offer that stands. Times are those of the daemon's steady clock."""

    def __init__(self, rules: Rules, slots: int, use: OwnersUse, paused: bool) -> None:
        self._availability = Availability(rules, slots, use)
        self._readings: tuple[float, tuple[Reading, ...]] = (float("-inf"), ())
        self.now = Offered(slots)
        self.paused = paused

    def sensed(self, readings: tuple[Reading, ...], at: float) -> None:
        """`at`: when the sensors were asked."""
        self._readings = (at, readings)

    def readings(self, at: float) -> tuple[Reading, ...]:
        """The last ones, unless they are too old to say anything."""
        return self._readings[1] if at - self._readings[0] < STALE_S else ()

    def decide(self, at: float, busy: bool) -> tuple[Offered, Offered]:
        """The offer that stood and the one that stands now. `busy`: jobs run."""
        local = time.localtime()
        minute = (local.tm_wday * 24 + local.tm_hour) * 60 + local.tm_min
        before = self.now
        self.now = self._availability.decide(Moment(self.readings(at), minute, at, self.paused, busy))
        return before, self.now
