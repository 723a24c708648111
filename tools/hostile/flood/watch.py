"""What others feel meanwhile: threads that ask, read, and look at a process."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

ASK_S, LOOK_S = 0.05, 0.02
PATIENCE_S = 60.0


class Cadence:
    """Seconds that each call of something took, or that lay between two pieces of a stream."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def asking(self, ask: Callable[[], object], over: threading.Event) -> None:
        while not over.wait(ASK_S):
            began = time.monotonic()
            ask()
            self.seconds.append(time.monotonic() - began)

    def reading(self, stream: Callable[[], Iterator[object]], over: threading.Event) -> None:
        while not over.is_set():
            last = 0.0
            for _ in stream():
                now = time.monotonic()
                if last:
                    self.seconds.append(now - last)
                last = now
                if over.is_set():
                    return

    def p99_ms(self) -> float:
        ordered = sorted(self.seconds)
        return round(1000 * ordered[int(0.99 * (len(ordered) - 1))], 1)

    def worst_ms(self) -> float:
        return round(1000 * max(self.seconds), 1)


@contextmanager
def watching(*watches: Callable[[threading.Event], None]) -> Iterator[None]:
    """Run each in a thread of its own until the block has ended."""
    over = threading.Event()
    threads = [threading.Thread(target=watch, args=(over,), daemon=True) for watch in watches]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(PATIENCE_S)


class Process:
    """Memory and processor time of a process, from when this was made."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._rss = self._most = self._process.memory_info().rss
        self._cpu_s = self._used_s()

    def look(self, over: threading.Event) -> None:
        while not over.wait(LOOK_S):
            self._most = max(self._most, self._process.memory_info().rss)

    def rss_growth_mb(self) -> float:
        return round((self._most - self._rss) / 2**20, 1)

    def cpu_s(self) -> float:
        return round(self._used_s() - self._cpu_s, 2)

    def _used_s(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)
