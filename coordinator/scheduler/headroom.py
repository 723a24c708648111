"""Slots that an account which holds many of a model leaves free for the others.

To be next in the queue is worth nothing while no slot becomes free, and answers of one length that began together end
together. So an account that crowds the others leaves a few slots free, for as long as there are others. What that is
worth, and what it costs, stands in docs/benchmarks.md.
"""

from collections import Counter, defaultdict

from coordinator.scheduler.state import Lease

ONE_OF, MOST = 16, 4  # one slot of 16 is left free; with more than 64 slots, one becomes free soon enough
EXPECTED_S = 600.0  # an account that has started nothing for so long is not expected: no slot is left free for it


def reserve(slots: int) -> int:
    """How many of a model's slots an account that crowds the others leaves free."""
    return min(slots // ONE_OF, MOST)


def crowds(held: int, accounts: int, slots: int) -> bool:
    """Whether an account with `held` slots leaves too few for one more account beside the `accounts` that hold any."""
    return held * (accounts + 1) >= slots


class Headroom:
    """Which account holds how many slots of a model, and which has started a job of it lately."""

    def __init__(self) -> None:
        self._held: defaultdict[str, Counter[str]] = defaultdict(Counter)  # leases by model and account
        self._last_start: defaultdict[str, dict[str, float]] = defaultdict(dict)  # by model and account, oldest first

    def take(self, lease: Lease, now: float) -> None:
        """A slot was given to the lease's account."""
        self._held[lease.model][lease.account] += 1
        last_start = self._last_start[lease.model]
        last_start.pop(lease.account, None)
        last_start[lease.account] = now
        while now - last_start[oldest := next(iter(last_start))] > EXPECTED_S:
            del last_start[oldest]

    def give_back(self, lease: Lease) -> None:
        """The lease is over."""
        held = self._held[lease.model]
        held[lease.account] -= 1
        if not held[lease.account]:
            del held[lease.account]

    def owed(self, account: str, model: str, slots: int, now: float) -> int:
        """How many of the model's `slots` the account has to leave free now."""
        held = self._held[model]
        others = (at for other, at in reversed(self._last_start[model].items()) if other != account)
        if now - next(others, -EXPECTED_S) >= EXPECTED_S or not crowds(held[account], len(held), slots):
            return 0
        return reserve(slots)
