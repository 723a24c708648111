"""How many lines of the log a worker may cause, so that one of them can neither fill the disk nor hide the others."""

from dataclasses import dataclass

from program.allowance import Allowance

WORKER_LINES, WORKER_LINES_PER_S = 32, 0.5
ACCOUNT_LINES, ACCOUNT_LINES_PER_S = 1024, 16.0  # ids of workers are their own choice


@dataclass
class _Count:
    key: str
    allowance: Allowance
    left_out: int = 0


class LogBounds:
    """Counts the lines of each worker, by its key (account/worker), and of each account."""

    def __init__(self) -> None:
        self._counts: dict[str, _Count] = {}

    def allows(self, worker: str, now: float) -> bool:
        """Whether one more line about the worker may be written; if not, it is counted."""
        account, _, name = worker.partition("/")
        whole = self._count(account, ACCOUNT_LINES, ACCOUNT_LINES_PER_S, now)
        each = self._count(worker, WORKER_LINES, WORKER_LINES_PER_S, now) if name else whole
        for count in (each,) if each is whole else (each, whole):
            if not count.allowance.take(1, now):
                count.left_out += 1
                return False
        return True

    def left_out(self, now: float) -> dict[str, int]:
        """Worker or account -> lines that were left out, of those whose flood is over: each flood is told once."""
        over = [self._counts.pop(key) for key in list(self._counts) if self._counts[key].allowance.full(now)]
        return {count.key: count.left_out for count in over if count.left_out}

    def _count(self, key: str, most: float, per_s: float, now: float) -> _Count:
        if key not in self._counts:
            self._counts[key] = _Count(key, Allowance(most, per_s, now))
        return self._counts[key]
