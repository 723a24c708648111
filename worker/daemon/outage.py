"""How long the coordinator has been out of reach, as a problem: for the owner first, for the network later. Pure.

While the line is down nobody but the owner can be told. Once it is back, the coordinator hears of it for a while: a
line that drops every few minutes is worth a look, and only the worker knows why.
"""

from wire.messages import Issue
from worker.daemon.reason import Reason
from worker.issues import issue, over

CODE = "coordinator_unreachable"
PATIENCE_S = 10.0  # a restart of the coordinator, or a router that dials in again
STEADY_S = 600.0


class Outage:
    """Since when the line is down, and which of it has been told. look() is called a few times a second."""

    def __init__(self) -> None:
        self._since: float | None = None  # the line is down since then
        self._back: float | None = None  # there was an outage, and it ended then
        self._told = False

    def look(self, down: Reason | None, now: float) -> Issue | None:
        """Take the line's state, and return the problem to tell of, if any; an inactive Issue says that it is over.

        `down`: why the line is down; None: it is up.
        """
        if down is not None:
            self._since = now if self._since is None else self._since
            if self._told or now - self._since < PATIENCE_S:
                return None
            self._told = True
            return issue(CODE, down.text, down.remedy)
        since, self._since = self._since, None
        if since is not None and self._told:
            self._told, self._back = False, now
            was = issue(CODE, f"the coordinator was out of reach for {now - since:.0f} s")
            return was.model_copy(update={"severity": "warning"})
        if self._back is not None and now - self._back >= STEADY_S:
            self._back = None
            return over(CODE, f"the line has been steady for {STEADY_S / 60:.0f} minutes")
        return None
