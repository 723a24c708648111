"""How much of the processor an encode of a picture may have while answers stream.

The encoder computes beside the decodes, in a thread of its own, and takes their cores or their GPU from them. Between
two of its layers it can wait without losing anything, so streams see it as a share of each of their steps.
"""

import threading
from collections.abc import Callable

# Of the longest stall, for each step: a slice of a prompt takes most of what there is (step_budget.AIM), and both come
# in one step.
SHARE = 0.25
PATIENCE_S = 1.0  # a wait is looked at anew after so long, whether or not anybody opened the gate


class Gate:
    """`turn` belongs to the engine's thread, `passes` to the encoder's. `clock`: seconds from any origin."""

    def __init__(self, share_s: float, clock: Callable[[], float]) -> None:
        self._share_s, self._clock = share_s, clock
        self._changed = threading.Condition()
        self._left_s = share_s
        self._free = True
        self._since = clock()

    def turn(self, streams: bool) -> None:
        """A step begins, with or without streams: without, the encoder may compute as it likes."""
        with self._changed:
            self._left_s, self._free = self._share_s, not streams
            self._changed.notify_all()

    def wake(self) -> None:
        """Have `passes` look whether its encode is still wanted."""
        with self._changed:
            self._changed.notify_all()

    def begin(self) -> None:
        """An encode begins."""
        self._since = self._clock()

    def passes(self, wanted: Callable[[], bool]) -> bool:
        """Count a layer that took the time since the last call, and wait until the next may be computed; False: it is
        not wanted any more. At least one layer passes in each step, however long it takes."""
        with self._changed:
            self._left_s -= self._clock() - self._since
            while wanted() and not self._free and self._left_s <= 0:
                self._changed.wait(PATIENCE_S)
        self._since = self._clock()
        return wanted()
