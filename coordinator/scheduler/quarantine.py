"""Workers that failed a job rest, longer each time, and are tested before they serve again.

The test is a tiny job of the coordinator's own. Nobody waits for its answer and nobody pays for it, so no client
has to find out whether a worker is well again. Only a success with a client's job, with tokens or what it was to make,
ends the count of faults.

Replicas tell each other who rests, so that to dial another one is no way around a rest: of two words about one worker
the rest that ends later counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from coordinator.scheduler.state import Lease, Limits, WorkerOrder

KEEP_S = 3600.0  # a worker that came back later than that after its rest starts anew
SAME_S = 1.0  # two rests that end so close to each other are one, of which two replicas speak
MOST_UNTOLD = 4096


@dataclass
class Rest:
    """One worker's faults and its present rest. Kept apart from the worker: leaving does not wipe it out."""

    failures: int
    until: float
    test: Lease | None = None  # the test that is running
    passed: bool = False
    inherited: bool = False  # the worker itself has no fault
    heard: bool = False  # its last fault was at another replica
    model: str = ""  # at which its last fault was, if it was at one


@dataclass(frozen=True)
class RestNews:
    """What one replica tells of a worker's rest, which ends in `left_s` seconds, or ended so long ago if that is
    negative. `failures`: 0 if the worker has finished a client's job since."""

    worker: str
    failures: int
    left_s: float
    model: str
    passed: bool


class Quarantine:
    """Who rests, by the worker's key. What is asked of a worker in its test is the business of `health_check.py`.

    `orders`: the operator's, which dispatch keeps; a worker with one rests as well, whatever it finishes meanwhile."""

    def __init__(self, limits: Limits, orders: Mapping[str, WorkerOrder] | None = None) -> None:
        self._limits = limits
        self._orders = {} if orders is None else orders
        self._rests: dict[str, Rest] = {}
        self._untold: dict[str, Rest] = {}  # what changed since the other replicas were told, at most MOST_UNTOLD

    def inherit(self, worker: str) -> None:
        """Give a worker that comes without a past the worst of its owner's others: it rests as long as they do, and is
        tested then."""
        owner = worker.rpartition("/")[0]
        past = [rest for key, rest in self._rests.items() if key.rpartition("/")[0] == owner]
        if past and worker not in self._rests:
            self._rests[worker] = Rest(
                max(rest.failures for rest in past), max(rest.until for rest in past), inherited=True
            )

    def rest(self, worker: str, now: float, model: str = "") -> bool:
        """Keep jobs from a worker for 15 s after its first fault, twice as long after each further one in a row.

        What fails while it rests was started before, mostly by the same trouble: an engine takes all its jobs along.
        Then nothing changes, and the answer is False.
        """
        rest = self._rests.setdefault(worker, Rest(0, 0.0))
        if now < rest.until and not rest.passed:
            return False
        rest.failures, rest.inherited, rest.heard = rest.failures + 1, False, False
        rest.model = model or rest.model
        rest.until = now + min(self._limits.rest_s * 2 ** min(rest.failures - 1, 16), self._limits.rest_max_s)
        rest.test, rest.passed = None, False
        self._note(worker, rest)
        return True

    def succeeded(self, worker: str, model: str) -> None:
        """The worker finished a client's job: its faults are forgotten, but for one at another model. A pipeline may be
        broken beside a model that is well."""
        rest = self._rests.get(worker)
        if rest is not None and rest.model in ("", model):
            del self._rests[worker]
            self._note(worker, Rest(0, rest.until))

    def left(self, worker: str) -> None:
        """The worker is gone. What it has only inherited is not kept: it would inherit it again, and ids are free."""
        rest = self._rests.get(worker)
        if rest is not None and rest.inherited:
            del self._rests[worker]

    def begin(self, worker: str, test: Lease) -> None:
        """The worker was given its test."""
        self._rests[worker].test = test

    def end(self, worker: str, passed: bool) -> None:
        """The test is over: passed, or without a verdict and to be made again. One that failed is a `rest`."""
        rest = self._rests[worker]
        rest.test, rest.passed = None, passed
        if passed:
            self._note(worker, rest)

    def forget(self, now: float) -> None:
        """Drop rests that ended more than KEEP_S ago."""
        old = now - KEEP_S
        self._rests = {key: rest for key, rest in self._rests.items() if rest.until > old or rest.test is not None}

    # ---- what the other replicas are told, and tell --------------------------------------------------------------

    def take_news(self, now: float) -> list[RestNews]:
        """What changed here since this was last asked."""
        untold, self._untold = self._untold, {}
        return [_news(worker, rest, now) for worker, rest in untold.items()]

    def lasting(self, now: float) -> list[RestNews]:
        """The rests that last, after faults here: to be told again and again, for whoever did not hear of them. Told on
        by those who heard of it, a rest that a success has ended would come back."""
        lasting = ((worker, rest) for worker, rest in self._rests.items() if rest.until > now)
        return [_news(worker, rest, now) for worker, rest in lasting if not rest.inherited and not rest.heard]

    def standing(self, now: float) -> list[RestNews]:
        """All rests: for a replica that knows nothing yet."""
        return [_news(worker, rest, now) for worker, rest in self._rests.items() if not rest.inherited]

    def heard(self, news: RestNews, now: float) -> None:
        """Another replica speaks of a worker. A test that runs here has the last word."""
        rest, until = self._rests.get(news.worker), now + news.left_s
        if rest is not None and (rest.test is not None or until < rest.until - SAME_S):
            return
        if news.failures:
            self._rests[news.worker] = Rest(news.failures, until, passed=news.passed, heard=True, model=news.model)
        elif rest is not None:
            del self._rests[news.worker]

    def _note(self, worker: str, rest: Rest) -> None:
        if len(self._untold) >= MOST_UNTOLD:
            self._untold.clear()  # there is nobody to tell
        self._untold[worker] = rest

    # ---- questions -----------------------------------------------------------------------------------------------

    def may_serve(self, worker: str) -> bool:
        """The worker has no fault since its last success, or has passed its test; and the operator lets it."""
        rest = self._rests.get(worker)
        return (rest is None or rest.passed) and worker not in self._orders

    def waiting(self, now: float) -> dict[str, float]:
        """Workers that may not serve yet -> seconds of their rest that are left; 0: the test decides."""
        left = {key: max(0.0, rest.until - now) for key, rest in self._rests.items() if not rest.passed}
        for key, order in self._orders.items():
            left[key] = max(left.get(key, 0.0), order.until - now)
        return left

    def model(self, worker: str) -> str:
        """Where its last fault was; empty: at no model, or there is none."""
        rest = self._rests.get(worker)
        return "" if rest is None else rest.model

    def failures(self, worker: str) -> int:
        """Faults since its last success."""
        rest = self._rests.get(worker)
        return 0 if rest is None else rest.failures

    def due(self, now: float) -> list[str]:
        """Workers that have rested and not been tested."""
        due = (key for key, rest in self._rests.items() if rest.until <= now and rest.test is None and not rest.passed)
        return [key for key in due if key not in self._orders]

    def tests(self) -> list[tuple[str, Lease]]:
        """The tests that are running, by worker."""
        return [(key, rest.test) for key, rest in self._rests.items() if rest.test is not None]

    def test(self, worker: str) -> Lease | None:
        rest = self._rests.get(worker)
        return None if rest is None else rest.test


def _news(worker: str, rest: Rest, now: float) -> RestNews:
    return RestNews(worker, rest.failures, rest.until - now, rest.model, rest.passed)
