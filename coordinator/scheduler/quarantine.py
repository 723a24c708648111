"""Workers that failed somebody's job: they rest, longer each time, and are tested before they serve again.

The test is a tiny job of the coordinator's own. Nobody waits for its answer and nobody pays for it, so that no client
has to find out whether a worker is well again. Only a success with a client's job, with tokens, ends the count of
faults.
"""

from dataclasses import dataclass

from coordinator.scheduler.state import Lease, Limits

KEEP_S = 3600.0  # a worker that came back later than that after its rest starts anew


@dataclass
class Rest:
    """Kept apart from the worker: leaving does not wipe it out."""

    failures: int
    until: float
    test: Lease | None = None  # the test that is running
    passed: bool = False


class Probation:
    """Who rests, by the worker's key. What is asked of a worker in its test is the business of `health_check.py`."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._rests: dict[str, Rest] = {}

    def rest(self, worker: str, now: float) -> None:
        """No jobs for it: 15 s after the first fault, doubled for each further one without a success between.

        What fails while it rests was started before, mostly by the same trouble: an engine takes all its jobs along.
        """
        rest = self._rests.setdefault(worker, Rest(0, 0.0))
        if now < rest.until and not rest.passed:
            return
        rest.failures += 1
        rest.until = now + min(self._limits.rest_s * 2 ** min(rest.failures - 1, 16), self._limits.rest_max_s)
        rest.test, rest.passed = None, False

    def succeeded(self, worker: str) -> None:
        """With a client's job, and tokens for it: all is forgotten."""
        self._rests.pop(worker, None)

    def begin(self, worker: str, test: Lease) -> None:
        self._rests[worker].test = test

    def end(self, worker: str, passed: bool) -> None:
        """The test is over: passed, or without a verdict and to be made again. One that failed is a `rest`."""
        rest = self._rests[worker]
        rest.test, rest.passed = None, passed

    def forget(self, now: float) -> None:
        old = now - KEEP_S
        self._rests = {key: rest for key, rest in self._rests.items() if rest.until > old or rest.test is not None}

    # ---- questions -----------------------------------------------------------------------------------------------

    def may_serve(self, worker: str) -> bool:
        rest = self._rests.get(worker)
        return rest is None or rest.passed

    def waiting(self, now: float) -> dict[str, float]:
        """Workers that may not serve yet -> seconds of their rest that are left; 0: the test decides."""
        return {key: max(0.0, rest.until - now) for key, rest in self._rests.items() if not rest.passed}

    def failures(self, worker: str) -> int:
        """Faults since its last success."""
        rest = self._rests.get(worker)
        return 0 if rest is None else rest.failures

    def due(self, now: float) -> list[str]:
        """Workers that have rested and not been tested."""
        return [key for key, rest in self._rests.items() if rest.until <= now and rest.test is None and not rest.passed]

    def tests(self) -> list[tuple[str, Lease]]:
        return [(key, rest.test) for key, rest in self._rests.items() if rest.test is not None]

    def test(self, worker: str) -> Lease | None:
        rest = self._rests.get(worker)
        return None if rest is None else rest.test
