"""When a crashed engine is started again, and when it is given up. Pure: times are arguments, in seconds."""

FIRST_S = 0.5
MOST_S = 30.0
HEALTHY_S = 60.0  # ready for so long: the next crash starts over with FIRST_S
CRASHES = 5
WINDOW_S = 600.0


class RestartPolicy:
    """Half a second, doubling to 30 s; the fifth crash within ten minutes is the last."""

    def __init__(self) -> None:
        self._delay = FIRST_S
        self._crashes: list[float] = []

    def crashed(self, now: float, ready_since: float | None) -> float | None:
        """Seconds until the next start; None: it is broken and stays down. `ready_since` None: never got ready."""
        if ready_since is not None and now - ready_since >= HEALTHY_S:
            self._delay = FIRST_S
        self._crashes = [at for at in self._crashes if now - at < WINDOW_S] + [now]
        if len(self._crashes) >= CRASHES:
            return None
        delay, self._delay = self._delay, min(self._delay * 2, MOST_S)
        return delay
