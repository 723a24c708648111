"""Guesses from the text itself: what followed the last tokens when they stood there before.

Agents and editors copy: files, JSON, what a tool gave. Hashes of the last few tokens lead to the place behind their
last occurrence, in tables that are kept as the text grows; what two different texts share a hash for is compared.
"""

from array import array
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SIZES = (8, 3)  # tokens that have to agree; a place where eight do is looked for first
AGREED = (64, 32, 16, 8, 3)  # how many do is told in these steps: a copy that has gone on for long will go on
# Places overwrite each other: of a text that fills its room, the second half a copy of the first, 16 % found no place
# where the table has as many slots as tokens, and 1 % with four times as many. A long text has no more than it has to.
_ROOMY, _MANY_BITS = 2, 18
_AT_ONCE = 16  # positions, from so many on numpy is quicker than a loop
_FACTOR = 0x9E3779B97F4A7C15
_WORD = 2**64 - 1


class Guess(NamedTuple):
    """Tokens that may follow, and how many before them agree with the place that they come from, one of AGREED."""

    tokens: tuple[int, ...] = ()
    agreed: int = AGREED[-1]


NOTHING = Guess()


def came_true(guess: Sequence[int], drawn: Sequence[int]) -> int:
    """How many of the guesses were drawn: those before the first that was not."""
    pairs = enumerate(zip(guess, drawn, strict=False))
    return next((n for n, (one, other) in pairs if one != other), min(len(guess), len(drawn)))


class Lookup:
    """The places of one text, of up to `room` tokens: a table of 16 bytes for each of them, for each of SIZES, and from
    65,536 on of a MiB, until there are more tokens than slots in it."""

    def __init__(self, room: int) -> None:
        bits = max(1, (2 * room - 1).bit_length() - 1)
        self._bits = max(bits, min(bits + _ROOMY, _MANY_BITS))
        self._tables = {size: array("i", bytes(4 << self._bits)) for size in SIZES}
        self._known = 0  # positions whose places are in the tables

    def guess(self, tokens: Sequence[int], most: int) -> Guess:
        """What may follow `tokens`, which are those of the call before and more; at most so many.

        A place near the end goes round: what follows it is what follows itself.
        """
        self._learn(tokens)
        end = len(tokens)
        for size, table in self._tables.items():
            if most < 1 or end <= size:
                continue
            last = tokens[end - size :]
            at = table[self._slot(last)]
            if at and tokens[at - size : at] == last:
                found = tuple(tokens[at : at + most])
                while len(found) < most:
                    found += found[: most - len(found)]
                return Guess(found, next(n for n in AGREED if tokens[max(0, at - n) : at] == tokens[end - n :]))
        return NOTHING

    def _learn(self, tokens: Sequence[int]) -> None:
        """Note the places of all tokens but the last, which is the one that is looked for."""
        begin, end = self._known + 1, len(tokens)
        self._known = max(self._known, end - 1)
        many = np.asarray(tokens, np.uint64) if end - begin >= _AT_ONCE else None
        for size, table in self._tables.items():
            first = max(begin, size)
            if many is not None and first < end:
                slots = self._slots(many[first - size : end - 1], size)
                np.frombuffer(table, np.int32)[slots] = np.arange(first, end, dtype=np.int32)
                continue
            for at in range(first, end):
                table[self._slot(tokens[at - size : at])] = at

    def _slot(self, window: Sequence[int]) -> int:
        found = 0
        for token in window:
            found = (found + token) * _FACTOR & _WORD
        return found >> (64 - self._bits)

    def _slots(self, tokens: NDArray[np.uint64], size: int) -> NDArray[np.intp]:
        """`_slot` of each window of this size."""
        found = np.zeros(len(tokens) - size + 1, np.uint64)
        for first in range(size):
            found = (found + tokens[first : first + len(found)]) * np.uint64(_FACTOR)
        return (found >> np.uint64(64 - self._bits)).astype(np.intp)
