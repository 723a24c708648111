"""What the owner is told of problems: a line when one comes and when it is over, and since when it lasts."""

import logging
import time
from collections.abc import Iterable

from wire.messages import Issue
from worker.telemetry.status import Problem

log = logging.getLogger("supernet.problems")

LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class ProblemLog:
    """Logs problems and remembers since when each lasts.

    `last`: the last one that mattered, over or not. It is handed on from one daemon to the next.
    """

    def __init__(self, last: Problem | None = None) -> None:
        self.last = last
        self._since: dict[str, float] = {}  # code -> time of the epoch at which it came

    def tell(self, problem: Issue) -> None:
        """Log that a problem has come or is over."""
        code = problem.code if problem.active else f"{problem.code} is over"
        remedy = f" -> {problem.remedy}" if problem.active and problem.remedy else ""
        log.log(LEVELS[problem.severity], "%s: %s%s", code, problem.message, remedy, extra={"issue": problem.code})
        if not problem.active:
            self._since.pop(problem.code, None)
            return
        since = self._since.setdefault(problem.code, time.time())
        if problem.severity != "info":
            self.last = Problem(since=since, issue=problem)

    def goes_on(self, code: str) -> None:
        """The last daemon ended with this problem, and it has not been solved since: keep its time."""
        if self.last is not None and self.last.issue.code == code:
            self._since[code] = self.last.since

    def dated(self, active: Iterable[Issue], now: float) -> tuple[Problem, ...]:
        """Return each problem with the time of the epoch at which it came; `now` for one that was never logged."""
        return tuple(Problem(since=self._since.get(problem.code, now), issue=problem) for problem in active)
