"""What the owner is told of problems: a line when one comes and when it is over, and since when it lasts."""

import logging
import time
from collections.abc import Iterable

from wire.messages import Issue
from worker.telemetry.status import Problem

log = logging.getLogger("supernet.problems")

LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class ProblemLog:
    """`last`: the last problem that mattered, over or not; it is handed on from one daemon to the next."""

    def __init__(self) -> None:
        self.last: Problem | None = None
        self._since: dict[str, float] = {}  # code -> time of the epoch at which it came

    def tell(self, problem: Issue) -> None:
        """On the owner's terminal."""
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
        """The try before ended with the same problem: it has not been solved in between."""
        if self.last is not None and self.last.issue.code == code:
            self._since[code] = self.last.since

    def dated(self, active: Iterable[Issue], now: float) -> tuple[Problem, ...]:
        """With the time of the epoch at which each came; `now` for one that was not told."""
        return tuple(Problem(since=self._since.get(problem.code, now), issue=problem) for problem in active)
