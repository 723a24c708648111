"""How long to wait before the coordinator is dialled again. Pure: times are arguments, and chance is the caller's.

Two figures decide. Failures in a row double the pause, up to half a minute. But a coordinator that was there a moment
ago, or a line that broke while the worker was at work, is most likely back soon: its jobs wait for the resume, so for
20 s no pause is longer than 2 s.
"""

FIRST_S = 0.5
MOST_S = 30.0
STEADY_S = 10.0  # a connection that was open for so long was a good one
RETURN_S = 20.0  # so long after a good connection the coordinator is expected back at any moment,
RETURN_MOST_S = 2.0  # and no pause is longer than this


class Backoff:
    """The pauses between dials, by how long earlier connections lasted. Told of every end, and every failed dial."""

    def __init__(self) -> None:
        self._failures = 0  # connections in a row that were refused or did not last
        self._good_until = -RETURN_S  # when the last good connection ended

    def ended(self, now: float, open_s: float, broke: bool) -> float:
        """Return the longest pause before the next dial, in seconds; the caller draws between 0 and this.

        `open_s`: how long the socket was open, 0 if it never was. `broke`: the line broke under a welcomed worker and
        neither side meant it to.
        """
        steady = open_s >= STEADY_S
        self._failures = 0 if steady else self._failures + 1
        if steady or broke:
            self._good_until = now
        longest = RETURN_MOST_S if now - self._good_until < RETURN_S else MOST_S
        return min(longest, FIRST_S * 2.0 ** min(self._failures, 10))
