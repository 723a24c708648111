"""The energy that one worker's GPUs draw, by its own word, from heartbeat to heartbeat. Pure.

It is shown to its owner beside what it earned, and decides nothing: a worker that lies misleads its owner. Still no
figure of a stranger may grow beyond what machines are.
"""

from dataclasses import dataclass

from wire.offers import Power

MOST_W = 100_000.0  # of one machine: 64 cards of 1.5 kW
GAP_S = 120.0  # a heartbeat after a longer silence begins anew


@dataclass(frozen=True)
class Drawn:
    """Joules, and for how many seconds they were measured."""

    joules: float = 0.0
    seconds: float = 0.0


@dataclass
class Meter:
    """What a worker's heartbeats say, since it joined."""

    drawn: Drawn = Drawn()
    _last: tuple[Power, float] | None = None  # and when it came

    def read(self, power: Power | None, now: float) -> None:
        """A heartbeat with the worker's counters came; without any it says nothing."""
        if power is None:
            return
        if self._last is not None and 0 < (passed := now - self._last[1]) <= GAP_S:
            before = self._last[0]
            joules, seconds = power.joules - before.joules, power.seconds - before.seconds
            if joules >= 0 and seconds >= 0:  # else its process is a new one
                joules, seconds = min(joules, MOST_W * passed), min(seconds, passed)
                self.drawn = Drawn(self.drawn.joules + joules, self.drawn.seconds + seconds)
        self._last = power, now
