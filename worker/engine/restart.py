"""When a crashed engine is started again, and when it is given up. Times are arguments, in seconds."""

FIRST_S = 0.5
MOST_S = 30.0
HEALTHY_S = 60.0  # ready for so long: the next crash starts over with FIRST_S
CRASHES = 5
WINDOW_S = 600.0


def machines_fault(*, ready: bool, at_work: bool, proven: bool, crashed: bool, said: str) -> str:
    """The row of issues.py for a death that only the machine can have caused; empty: the engine is started again.

    An engine that cannot be loaded, or dies in its warm-up or of the first jobs that it ever gets, dies of the build,
    the driver or the memory, and started again as it was it would die again.

    `ready`: it had been loaded and warmed up in this life. `at_work`: it had jobs. `proven`: a job got a token from it,
    in any life. `crashed`: it died of a signal that its own doing raised. `said`: the row that it named itself.
    """
    if not ready:
        return said or ("engine_cannot_compute" if crashed else "engine_not_loaded")
    return "engine_cannot_compute" if at_work and not proven else ""


class RestartPolicy:
    """Half a second, doubling to 30 s; the fifth crash within ten minutes is the last."""

    def __init__(self) -> None:
        self._delay = FIRST_S
        self._crashes: list[float] = []

    def crashed(self, now: float, ready_since: float | None) -> float | None:
        """Take a crash at `now`, and return the seconds until the next start; None: the engine stays down.

        `ready_since`: since when it served; None: it never did.
        """
        if ready_since is not None and now - ready_since >= HEALTHY_S:
            self._delay = FIRST_S
        self._crashes = [at for at in self._crashes if now - at < WINDOW_S] + [now]
        if len(self._crashes) >= CRASHES:
            return None
        delay, self._delay = self._delay, min(self._delay * 2, MOST_S)
        return delay
