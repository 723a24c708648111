"""How much energy the GPUs have drawn: their power, as it was read now and then, over the time between.

Pure: readings and times are arguments. A gap in which nobody read anything, or no sensor told, is not guessed at.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from wire.offers import Power
from worker.machine.description import Reading

GAP_S = 60.0  # readings further apart say nothing of what was between them


@dataclass
class EnergyMeter:
    """Counts from when it was made. `now` is in seconds of any steady clock."""

    joules: float = 0.0
    seconds: float = 0.0
    _before: tuple[float, float] | None = None  # when it was read last, and the watts of all cards

    def read(self, readings: Sequence[Reading], now: float) -> None:
        """Take a reading of all cards. Where one of them does not tell its power, the sum is not known."""
        told = [reading.power_w for reading in readings if reading.power_w is not None]
        if not told or len(told) < len(readings):
            self._before = None
            return
        watts = sum(told)
        if self._before is not None and 0 < (passed := now - self._before[0]) <= GAP_S:
            self.joules += passed * (watts + self._before[1]) / 2
            self.seconds += passed
        self._before = now, watts

    def power(self) -> Power | None:
        """What the coordinator is told; None: no sensor has told anything."""
        return Power(joules=round(self.joules, 1), seconds=round(self.seconds, 1)) if self.seconds else None
