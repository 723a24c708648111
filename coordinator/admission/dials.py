"""How often the workers of an account may open a socket.

An honest worker dials once, and again when its line broke, after longer and longer pauses. Each dial costs a handshake,
a Hello of up to 64 KB and a place among the workers, so whoever only dials keeps the coordinator from its work.
"""

from program.allowance import Allowances

MOST = 512  # at once: 256 workers of an account (Limits.workers_per_account) whose coordinator starts anew, twice
PER_S = 8.0  # and then each of them twice a minute
WAIT_S = 10.0  # that a worker is told to wait: it finds 80 then


class Dials:
    def __init__(self) -> None:
        self._of_accounts = Allowances(MOST, PER_S)

    def wait_s(self, account: str, now: float) -> float:
        """Count one dial. Returns the seconds until the next should come, 0 if this one is taken."""
        return 0.0 if self._of_accounts.take(account, 1, now) else WAIT_S
