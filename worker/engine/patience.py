"""How long an engine that is ready may say nothing before it counts as hung. Times are arguments, in seconds.

A step takes 5 s at most (child/scheduler.LONGEST_STEP_S). But on a GPU a driver compiles a kernel when a step first has
the shape that needs it; the warm-up has most shapes and not all, and where nothing is kept from an earlier start the
rest takes tens of seconds in the middle of an answer. A driver that compiles computes, and one that hangs mostly does
not: so in its first steps an engine that computes is given more time, once. Ended, it would compile the same again.
"""

FIRST_STEPS = 2000  # about a minute of answers; a GPU that hangs later is no driver that compiles
COMPILING_S = 300.0  # of processor time, for all that an engine compiles in a life
MOST_S = 1800.0  # that this may take on a machine that has other work
BUSY = 0.02  # of a processor: one that waits for its driver has next to nothing, one among many others little
LOOK_S = 5.0


class Patience:
    """The patience with one life of an engine, which begins `now`. `on_gpu`: it computes on one."""

    def __init__(self, silent_s: float, on_gpu: bool, now: float) -> None:
        self._silent_s = silent_s
        self._left = 1.0 if on_gpu else 0.0  # of the patience with compilers
        self._looked, self._computed = now, 0.0

    def look(self, silent_s: float, now: float, computed_s: float, steps: int) -> float:
        """Return for how long it may still be silent, at least until the next look; 0: it hangs.

        `silent_s`: how long it has been; `computed_s`: the processor time of its life; `steps`: that it has made.
        """
        since, busy = now - self._looked, computed_s - self._computed
        self._looked, self._computed = now, computed_s
        if silent_s < self._silent_s:
            return self._silent_s - silent_s
        if steps >= FIRST_STEPS or busy < BUSY * since or self._left <= 0:
            return 0.0
        self._left -= max(busy / COMPILING_S, since / MOST_S)
        return LOOK_S
