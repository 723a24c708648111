"""How many guesses of each stream go into a step: as many as make most tokens a second of all streams together."""

from collections.abc import Callable, Sequence
from heapq import heapify, heapreplace
from math import inf
from typing import NamedTuple

Cost = Callable[[int], float]  # seconds of a pass with so many rows


_LENGTHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48)  # that are tried where all guess as many


def _expected(rate: float, guesses: int) -> float:
    """Tokens that come true of so many guesses."""
    return rate * (1 - rate**guesses) / (1 - rate) if rate < 1 else float(guesses)


class Prospect(NamedTuple):
    """The guesses of one stream: so many there are, and each comes true at this rate if those before it do. `foreseen`:
    they are the model's head's, which is yet to be asked for them."""

    guesses: int
    rate: float
    foreseen: bool = False


class GoingBack(NamedTuple):
    """How a state goes back: so many tokens by itself, and for more it is saved before, which takes so many seconds
    with the way back. What came true is then computed again, in a pass that draws a token and has no guesses."""

    tokens: int
    saved_s: float = 0.0

    def chance(self, rate: float, guesses: int) -> float:
        """That it has to go back to what was saved, of so many guesses of this rate."""
        return 1 - rate ** (guesses - self.tokens) if guesses > self.tokens else 0.0

    def seconds(self, rate: float, guesses: int, cost: Cost) -> float:
        """What one stream costs besides the pass with its guesses. Of those that came true half is thought to have."""
        if guesses <= self.tokens:
            return 0.0
        again = 2 + (guesses - self.tokens) // 2
        return self.saved_s + self.chance(rate, guesses) * cost(again)


def lengths(prospects: Sequence[Prospect], room: int, cost: Cost) -> list[int]:
    """The guesses of each stream, at most `room` together, where one pass computes rows of any kind.

    Of so many guesses those are taken that are likeliest to come true; a step is worth the tokens that it yields.
    """
    likeliest = [(-one.rate, stream) for stream, one in enumerate(prospects) if one.guesses]
    heapify(likeliest)
    rows, tokens = len(prospects), float(len(prospects))
    best, found = tokens / cost(rows), [0] * len(prospects)
    tried = found.copy()
    for count in range(1, min(room, sum(one.guesses for one in prospects)) + 1):
        chance, stream = likeliest[0]
        tokens -= chance
        tried[stream] += 1
        one = prospects[stream]
        heapreplace(likeliest, (chance * one.rate if tried[stream] < one.guesses else 0.0, stream))
        if tokens / cost(rows + count) > best:
            best, found = tokens / cost(rows + count), tried.copy()
    return found


def even_lengths(
    prospects: Sequence[Prospect],
    room: int,
    cost: Cost,
    foreseeing: Cost = lambda _guesses: 0.0,
    going_back: GoingBack | None = None,
    most_s: float = inf,
) -> list[int]:
    """The same where one pass computes as many rows of one stream as of the others: all that guess, guess as many, and
    the rest have a pass of their own. `foreseeing`: seconds that the model's head takes for so many guesses of any
    number of streams. `going_back`: None, from anywhere and for nothing. `most_s`: of the step, with all of that."""
    streams = len(prospects)
    best, chosen, taken = streams / cost(streams), list[int](), 0
    likeliest = sorted(range(streams), key=lambda stream: -prospects[stream].rate)
    most = min(room, max((one.guesses for one in prospects), default=0))
    for length in [length for length in _LENGTHS if length < most] + [most] * (most > 0):
        able = [stream for stream in likeliest if prospects[stream].guesses >= length]
        tokens, back_s = float(streams), 0.0
        for count, stream in enumerate(able[: room // length], 1):
            rate = prospects[stream].rate
            tokens += _expected(rate, length)
            if going_back:
                tokens += going_back.chance(rate, length)
                back_s += going_back.seconds(rate, length, cost)
            before = back_s + (cost(streams - count) if count < streams else 0.0)
            if any(prospects[one].foreseen for one in able[:count]):
                before += foreseeing(length)
            seconds = before + cost(count * (1 + length))
            if seconds <= most_s and tokens / seconds > best:
                best, chosen, taken = tokens / seconds, able[:count], length
    return [taken if stream in chosen else 0 for stream in range(streams)]
