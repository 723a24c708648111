"""How many prompt rows go into a step, so that it takes no longer than it may: beside streams none may stand still for
long, and without them a step must end before the supervisor takes its silence for a hang.

What a row costs is learnt from the steps themselves, and apart for each depth of the prompt (a power of two): attention
makes a row at 6,000 tokens several times as dear as one at 100. Pure: the loop tells what a step took.
"""

FIRST_ROWS = 32  # of an engine that has measured nothing yet
LEAST_ROWS = 8  # a prompt always advances, however slow the machine and however many streams
AIM = 0.75  # of the limit: steps of one size differ, and what counts is the slowest
_GROWTH = 2.0  # most that one quick step may add: it may have been quick by chance
_SHALLOW = 511  # up to so many tokens the depth makes no difference


class Pace:
    """`limit_s`: seconds that a step may take. `most`: rows of a whole batch. `row_s`: what one row alone takes, which
    is more than it adds to others; without it the first step is a careful guess."""

    def __init__(self, limit_s: float, most: int, row_s: float | None = None) -> None:
        self._aim_s = limit_s * AIM
        self._most = most
        self._first = FIRST_ROWS if row_s is None else self._aim_s / row_s
        self._rows: dict[int, float] = {}  # by bit length of the depth: rows that take as long as they may
        self._under_way: tuple[int, int, float] | None = None  # depth, rows and begin of a step

    def rows(self, depth: int) -> int:
        """Prompt rows for the next step, whose prompts reach `depth` tokens at most."""
        return min(max(LEAST_ROWS, int(self._known(_level(depth)))), self._most)

    def _known(self, level: int) -> float:
        """A depth not seen yet is judged by the nearest: a shallower one is halved for each doubling from there."""
        if below := [seen for seen in self._rows if seen <= level]:
            return self._rows[max(below)] * 0.5 ** (level - max(below))
        return self._rows[min(self._rows)] if self._rows else self._first

    def began(self, depth: int, rows: int, now: float) -> None:
        self._under_way = (depth, rows, now)

    def ended(self, now: float) -> None:
        """The step in hand is done; of one that did not count nothing was said when it began."""
        if self._under_way:
            depth, rows, began = self._under_way
            self._under_way = None
            self.took(depth, rows, now - began)

    def failed(self) -> None:
        """The step in hand says nothing: what fails may fail at once."""
        self._under_way = None

    def took(self, depth: int, rows: int, seconds: float) -> None:
        """A step with streams put `rows` of prompts through the model in `seconds`.

        A step that was not full says nothing, unless it was longer than the aim. One over the limit is answered with
        the square of its excess: the streams' own rows take time too, so fewer rows save less than their share.
        """
        level, excess = _level(depth), seconds / self._aim_s
        known = self._known(level)
        if excess > 1 / AIM:
            self._rows[level] = max(LEAST_ROWS, min(rows, known) / excess**2)
        elif excess > 1 or rows >= min(int(known), self._most):
            self._rows[level] = max(LEAST_ROWS, min(rows / max(excess, 1 / _GROWTH), self._most))


def _level(depth: int) -> int:
    return (depth | _SHALLOW).bit_length()
