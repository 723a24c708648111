"""How many guesses of each stream go into a step: as many as make most tokens a second of all streams together."""

from collections.abc import Callable, Sequence
from heapq import heapify, heapreplace
from typing import NamedTuple

Cost = Callable[[int], float]  # seconds of a pass with so many rows


class Prospect(NamedTuple):
    """The guesses of one stream: so many there are, and each comes true at this rate if those before it do."""

    guesses: int
    rate: float


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


def even_lengths(prospects: Sequence[Prospect], room: int, cost: Cost) -> list[int]:
    """The same where one pass computes as many rows of one stream as of the others: all that guess, guess as many, and
    the rest have a pass of their own."""
    streams = len(prospects)
    best, chosen, taken = streams / cost(streams), list[int](), 0
    for length in range(1, min(room, max((one.guesses for one in prospects), default=0)) + 1):
        able = [stream for stream, one in enumerate(prospects) if one.guesses >= length]
        able.sort(key=lambda stream: -prospects[stream].rate)
        tokens = float(streams)
        for count, stream in enumerate(able[: room // length], 1):
            tokens += sum(prospects[stream].rate ** (number + 1) for number in range(length))
            rest = cost(streams - count) if count < streams else 0.0
            if (worth := tokens / (rest + cost(count * (1 + length)))) > best:
                best, chosen, taken = worth, able[:count], length
    return [taken if stream in chosen else 0 for stream in range(streams)]
