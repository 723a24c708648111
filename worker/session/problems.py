"""The problems of this worker that are not over: told to the owner and to the coordinator when they come and go."""

from wire.messages import Issue
from worker.engine.port import Ready
from worker.issues import issue, over
from worker.session.effects import Effect, Send, Tell
from worker.session.line import Line


class Problems:
    """What is wrong now, in `active` by code. A coordinator that comes back is told of all of it again."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self.active: dict[str, Issue] = {}

    def add(self, problem: Issue) -> list[Effect]:
        """A problem has come, or is worse than it was. It lasts until solve() is told otherwise."""
        if self.active.get(problem.code) == problem:
            return []
        self.active[problem.code] = problem
        return [Tell(problem), *self._line.send(problem)]

    def solve(self, code: str, message: str) -> list[Effect]:
        """The problem is over, if there was one; `message` says why."""
        if self.active.pop(code, None) is None:
            return []
        return [Tell(over(code, message)), *self._line.send(over(code, message))]

    def sight(self, model: str, ready: Ready) -> list[Effect]:
        """A loaded model sees, or not though it was to; that one takes text only is no problem, and solves none."""
        if ready.blind:
            return self.add(issue("no_vision", f"{model} serves no pictures: {ready.blind}"[:4000]))
        return [] if ready.image_ms is None else self.solve("no_vision", f"{model} sees again")

    def again(self) -> list[Effect]:
        """Tell the coordinator of all that are not over."""
        return [Send(problem) for problem in self.active.values()]
