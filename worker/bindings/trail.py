"""What a prediction head has yet to read of one sequence: the rows that the model has computed and the head has not.

A row of the head is a token and the hidden state of the model at the token before it. Pure: numpy alone.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Rows of a stream that are kept for the head while nothing is guessed; then the oldest are left out, and there is a gap
# in what it attends to. So a stream without guesses costs 8 us a token (14 at 5120 numbers a state), and one that tries
# them again hardly more.
MOST = 24


class Trail:
    """The rows before position `read` are in the head's cache, or left out; those in `tokens` are yet to be read.

    `end`: the position behind all that the model has computed; `hidden`: its state there, None where that is not known.
    """

    def __init__(self, width: int) -> None:
        self._none = np.zeros(width, np.float32)
        self.clear()

    def clear(self) -> None:
        self.read = self.end = 0
        self.hidden: NDArray[np.float32] | None = None
        self._drop_rows()

    def _drop_rows(self) -> None:  # arrays of their own: an empty slice would keep the whole array that it is of
        self.tokens = np.empty(0, np.int32)
        self.positions = np.empty(0, np.int32)
        self.before = np.empty((0, len(self._none)), np.float32)

    def note(self, start: int, tokens: Sequence[int], hidden: NDArray[np.float32]) -> None:
        """The model has computed these tokens from position `start` on, with these states."""
        first = self.hidden if self.hidden is not None and start == self.end else self._none
        positions = np.arange(start, start + len(tokens), dtype=np.int32)
        new = positions >= self.read
        self.tokens = np.concatenate([self.tokens, np.asarray(tokens, np.int32)[new]])
        self.positions = np.concatenate([self.positions, positions[new]])
        self.before = np.concatenate([self.before, np.concatenate([first[None], hidden[:-1]])[new]])
        self.hidden, self.end = hidden[-1].copy(), start + len(tokens)

    def note_unknown(self) -> None:
        """The model has computed rows that the head cannot read."""
        self.hidden = None

    def cut(self, end: int) -> None:
        """The model holds nothing from position `end` on any more."""
        if end < self.end:
            next_row = self.before[self.positions == end]
            self.hidden = next_row[0].copy() if len(next_row) else None
        kept = self.positions < end
        self.tokens, self.positions, self.before = self.tokens[kept], self.positions[kept], self.before[kept]
        self.read, self.end = min(self.read, end), min(self.end, end)

    def trim(self) -> None:
        """Leave out the oldest rows, if there are more than MOST."""
        if len(self.tokens) > MOST:
            self.tokens, self.positions, self.before = self.tokens[-MOST:], self.positions[-MOST:], self.before[-MOST:]

    def add(self, token: int) -> None:
        """The token behind all that the model has computed is to be read too."""
        state = self.hidden if self.hidden is not None else self._none
        self.tokens = np.append(self.tokens, np.int32(token))
        self.positions = np.append(self.positions, np.int32(self.end))
        self.before = np.concatenate([self.before, state[None]])

    def was_read(self) -> None:
        """All rows are in the head's cache."""
        if len(self.positions):
            self.read = int(self.positions[-1]) + 1
        self._drop_rows()

    def follow(self, other: "Trail", end: int) -> None:
        """Become what `other` is before position `end`."""
        self.read, self.end, self.hidden = other.read, other.end, other.hidden
        self.tokens, self.positions, self.before = other.tokens, other.positions, other.before
        self.cut(end)
