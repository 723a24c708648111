"""What of a worker's frames is of no use, how much of it is borne, and how long its account then waits to dial.

Frames of attempts that run are free: what they may bring is bounded there. All others (status, problems, ends of jobs
that nobody knows, repeated deltas) count: an honest worker says how it is every 5 s, and after a reattach or a cancel
sends what was on the way.
"""

from dataclasses import dataclass
from functools import partial

from program.allowance import Allowance, Allowances
from program.useless_frames import UselessFrames
from wire.blobs import Need
from wire.media import Progress
from wire.messages import Accepted, Cancelled, Deltas, Done, Failed, Refused, ToCoordinator

MOST_BYTES = 2 * 1024 * 1024  # at once: hundreds of the longest heartbeats, or the whole window of many jobs
BYTES_PER_S = 64 * 1024
# Of all sockets of an account together: 256 workers (Limits.workers_per_account) say how they are in a quarter of it.
ACCOUNT_MOST_BYTES, ACCOUNT_BYTES_PER_S = 2 * MOST_BYTES, 4 * BYTES_PER_S
FIRST_WAIT_S, LONGEST_WAIT_S = 5.0, 600.0
FORGOTTEN_AFTER_S = 3600.0


def useless_share(message: ToCoordinator, useless: int) -> float:
    """How much of a frame, 0 to 1, was of no use, when `useless` frames of attempts in it were. What is no frame of an
    attempt counts whole: it is for now and then."""
    if isinstance(message, Deltas):
        return useless / len(message.items) if message.items else 1.0
    return float(
        useless > 0 or not isinstance(message, Need | Progress | Accepted | Refused | Done | Failed | Cancelled)
    )


class AccountBudgets:
    """What each account may still send that is of no use, on however many sockets."""

    def __init__(self) -> None:
        self._of_accounts = Allowances(ACCOUNT_MOST_BYTES, ACCOUNT_BYTES_PER_S)

    def of_socket(self, account: str, now: float) -> UselessFrames:
        """The budget of a new socket, which is spent together with its account's."""
        return UselessFrames(Allowance(MOST_BYTES, BYTES_PER_S, now).take, partial(self._of_accounts.take, account))


@dataclass
class _Wait:
    times: int
    until: float


class Waits:
    """The accounts that may not open a socket for a while. Those that are open stay: other workers may be good."""

    def __init__(self) -> None:
        self._waits: dict[str, _Wait] = {}

    def begin(self, account: str, now: float) -> None:
        """A socket of the account was closed for what came on it: 5 s, doubled each time, at most 10 minutes."""
        old = now - FORGOTTEN_AFTER_S
        self._waits = {key: wait for key, wait in self._waits.items() if wait.until > old}
        wait = self._waits.setdefault(account, _Wait(0, now))
        if wait.times and now < wait.until:
            return  # sockets that were opened before
        wait.until = now + min(FIRST_WAIT_S * 2 ** min(wait.times, 16), LONGEST_WAIT_S)
        wait.times += 1

    def left_s(self, account: str, now: float) -> float:
        """Seconds until the account may open a socket; 0: it may."""
        wait = self._waits.get(account)
        return 0.0 if wait is None else max(0.0, wait.until - now)
