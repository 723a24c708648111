"""Leaving in order: no new jobs, time for those that run, and a deadline."""

from dataclasses import dataclass

HAND_BACK_S = 5.0  # before the deadline: unfinished jobs go back, so that their last frames are acknowledged in time


@dataclass
class Drain:
    """The deadline of an orderly end. `until`: in seconds of the caller's clock; None: the worker stays."""

    until: float | None = None
    _over: bool = False

    @property
    def begun(self) -> bool:
        return self.until is not None

    def begin(self, deadline_s: float, now: float) -> None:
        """End within so many seconds. Of two deadlines the earlier one holds."""
        if self.until is None or now + deadline_s < self.until:
            self.until = now + deadline_s

    def left_s(self, now: float) -> float:
        """Return the seconds until the deadline, 0 after it."""
        return max(0.0, (self.until or now) - now)

    def hands_back(self, now: float) -> bool:
        """Return True when jobs that still run have to go back to the coordinator."""
        return self.until is not None and now >= self.until - HAND_BACK_S

    def ends(self, idle: bool, now: float) -> bool:
        """Return True once: when the worker is `idle` (no job is left to finish or acknowledge), or at the deadline."""
        if self.until is None or self._over or not (idle or now >= self.until):
            return False
        self._over = True
        return True
