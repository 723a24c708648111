"""The coordinator's clock: it stands still while the process does."""

import logging
import time
from collections.abc import Callable

log = logging.getLogger("supernet.hub")

TICK_S = 0.25  # the hub's timer reads the clock so often
FROZEN_S = 2.0  # the timer is never this late unless the whole process stood still


class Clock:
    """Seconds in which this process was running. After a suspension no worker is late: its frames wait to be read."""

    def __init__(self, source: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._last = source()
        self._frozen = 0.0

    def now(self) -> float:
        """Seconds on a clock of its own; only differences mean something."""
        last, self._last = self._last, self._source()
        if self._last - last > FROZEN_S:
            self._frozen += self._last - last - TICK_S
            log.warning("the process stood still for %.1f s", self._last - last)
        return self._last - self._frozen
