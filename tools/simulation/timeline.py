"""Virtual time: what is to happen, in order. Nothing here waits."""

from collections.abc import Callable
from heapq import heappop, heappush

Act = Callable[[], None]


class Timeline:
    def __init__(self) -> None:
        self.now = 0.0  # seconds
        self._due: list[tuple[float, int, Act]] = []
        self._count = 0  # of what was scheduled: equal times keep their order

    def after(self, delay_s: float, act: Act) -> None:
        self.at(self.now + delay_s, act)

    def at(self, when: float, act: Act) -> None:
        self._count += 1
        heappush(self._due, (when, self._count, act))

    def run(self, until: float) -> None:
        while self._due and self._due[0][0] <= until:
            self.now, _, act = heappop(self._due)
            act()
        self.now = until
