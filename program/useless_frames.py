"""How much a peer may send that is of no use before its connection is closed.

Each frame costs its reader some work, and an honest peer sends few that bring nothing: status now and then, and what
was on the way when a job ended. What is no frame at all is dearer: nobody sends that by being late.
"""

from collections.abc import Callable

FRAME_BYTES = 256  # what a frame costs besides its text
INVALID = 4  # times dearer than a valid frame
INVALID_FRAMES = 16  # of one connection; a peer that sends so many speaks another protocol
# So many bytes of them take their reader a tenth of a second. What a peer may send at once was read at once before: of
# six frames of 340 kB, 8 ms each, a stream beside them stood still for 600 ms on a busy machine.
READ_BYTES_PER_S = 4 * 1024 * 1024
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 0.25  # below, a timer is not exact


Take = Callable[[float, float], bool]


class UselessFrames:
    """What may still come on one connection. Each of `budgets` takes so many bytes at a time in seconds, of one clock
    for all, and says whether it had them (Allowance.take)."""

    def __init__(self, *budgets: Take) -> None:
        self._budgets = budgets
        self._invalid = 0
        self._unpaused_s = 0.0  # for what has come since the last pause

    def invalid(self, size: int, now: float) -> str | None:
        """Count what was no frame. Returns why the connection is to be closed; None: it goes on."""
        self._invalid += 1
        if self._invalid >= INVALID_FRAMES:
            return f"{self._invalid} invalid frames"
        return None if self._take(INVALID * (size + FRAME_BYTES), now) else "invalid frames of many bytes"

    def valid(self, size: int, share: float, now: float) -> str | None:
        """Count a frame of which `share`, 0 to 1, was of no use. Returns why the connection is to be closed; None: it
        goes on."""
        borne = self._take(share * (size + FRAME_BYTES), now)
        return None if borne else "too many frames of no use: late, repeated, or far too often"

    def pause_s(self) -> float:
        """For how many seconds nothing more is to be read from the peer now, so that others are served meanwhile."""
        if self._unpaused_s < SHORTEST_PAUSE_S:
            return 0.0
        pause_s, self._unpaused_s = min(self._unpaused_s, LONGEST_PAUSE_S), 0.0
        return pause_s

    def _take(self, amount: float, now: float) -> bool:
        self._unpaused_s += amount / READ_BYTES_PER_S
        return amount <= 0 or all(take(amount, now) for take in self._budgets)
