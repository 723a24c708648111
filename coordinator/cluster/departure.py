"""A replica that ends without anybody noticing, and one that has more than its share of workers.

Who leaves says so first and goes on for a while: load balancers lag. Then its workers are sent away, those without a
job before the others; each dials again, is led to another cell, and takes its jobs along. Streams of its own clients go
on as jobs of other cells until they end or the time is up.
"""

from collections.abc import Callable, Sequence

from coordinator.cluster.routing import too_many
from coordinator.dispatch.dispatch import Dispatch
from coordinator.dispatch.effects import Effect
from coordinator.scheduler.workers import Worker

NOTICE_S = 5.0  # until load balancers send nobody any more
MOVE_EACH_S = 0.02
SETTLED_S = 10.0  # a worker that came later than that is not sent on: it may have been led here on purpose
AGAIN_S = 1.0  # one that was sent away and led back


class Departure:
    """When this replica leaves, and which workers it sends to others. `age_s`: how long a worker has been here."""

    def __init__(self, dispatch: Dispatch, age_s: Callable[[str, float], float]) -> None:
        self._dispatch = dispatch
        self._age_s = age_s
        self.began: float | None = None
        self._until = 0.0
        self._moved_at = 0.0
        self._levelled_at = 0.0

    @property
    def leaving(self) -> bool:
        return self.began is not None

    def begin(self, within_s: float, now: float) -> None:
        """Leave within so many seconds. Beginning twice changes nothing."""
        if self.began is None:
            self.began, self._until, self._moved_at = now, now + within_s, now + NOTICE_S

    def is_closed(self, now: float, part: bool = False) -> bool:
        """Whether new jobs are turned away. `part`: those of requests that are being answered."""
        if self.began is None:
            return False
        return now >= (self._until if part else min(self.began + NOTICE_S, self._until))

    def is_over(self, left: int, alone: bool, now: float) -> bool:
        """Whether the process may end. `left`: requests of our clients, and jobs of theirs and of others. `alone`: no
        other cell takes workers."""
        if self.began is None or now >= self._until:
            return self.began is not None
        sent = all(worker.moved or not worker.connected for worker in self._dispatch.workers)
        return self.is_closed(now) and not left and (alone or sent)

    def move(self, alone: bool, now: float) -> list[Effect]:
        """Send the next workers away, one every MOVE_EACH_S since the last time."""
        if self.began is None or alone or now < self._moved_at:
            return []
        count = int((now - self._moved_at) / MOVE_EACH_S) + 1
        self._moved_at += count * MOVE_EACH_S
        return self._sent(self._of_age(AGAIN_S, now)[:count], now)

    def level(self, others: Sequence[int], now: float) -> list[Effect]:
        """Once a second: send some workers without a job to other cells, if those have far fewer; `others` of them."""
        if self.began is not None or now - self._levelled_at < 1.0:
            return []
        self._levelled_at = now
        count = too_many(sum(worker.connected for worker in self._dispatch.workers), others)
        idle = [worker for worker in self._of_age(SETTLED_S, now) if not worker.leases] if count else []
        return self._sent(idle[:count], now)

    def _of_age(self, least_s: float, now: float) -> list[Worker]:
        """Those that may be sent away, the ones without a job first."""
        able = (worker for worker in self._dispatch.workers if worker.connected and not worker.moved)
        return sorted((one for one in able if self._age_s(one.key, now) >= least_s), key=lambda one: len(one.leases))

    def _sent(self, workers: Sequence[Worker], now: float) -> list[Effect]:
        return [effect for worker in workers for effect in self._dispatch.move(worker.peer.session, now)]
