"""What guesses from the text could have gained at best, worked out afterwards from the answers and what steps cost.

All streams that have a guess take as many tokens of it in each step, and of those numbers the best is known in
hindsight. A stream whose text has no guess at a place has none there, however good it is elsewhere.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from worker.engine.child.drafts.guesser import MOST
from worker.engine.child.drafts.lookup import Lookup, came_true

Cost = Callable[[int], float]  # of a pass of so many rows


class Place(NamedTuple):
    """Behind a token of an answer so many are guessed, and so many of them are what follows."""

    guessed: int
    right: int


def between(measured: Mapping[int, float]) -> Cost:
    """The cost of any number of rows: between two that were measured, and beyond them, as if each row cost the same."""
    sizes = sorted(measured)

    def cost(rows: int) -> float:
        place = min(max(bisect_left(sizes, rows), 1), len(sizes) - 1)
        low, high = sizes[place - 1], sizes[place]
        return measured[low] + (measured[high] - measured[low]) / (high - low) * (rows - low)

    return cost


def places(prompt: Sequence[int], answer: Sequence[int]) -> list[Place]:
    """What is guessed behind each token of an answer but the last."""
    lookup, text, found = Lookup(len(prompt) + len(answer)), list(prompt), []
    for at, token in enumerate(answer[:-1], 1):
        text.append(token)
        guess = lookup.guess(text, MOST).tokens
        found.append(Place(len(guess), came_true(guess, answer[at:])))
    return found


def gain(streams: Sequence[Sequence[Place]], lengths: Sequence[int], cost: Cost, even: bool) -> float:
    """How many times what streams that begin together take without guesses is what they take with the best number.

    `lengths`: guesses of a stream that may be tried. `even`: streams without a guess have a pass of their own.
    """
    without = _taken(streams, 0, cost, even)
    return max(without / _taken(streams, length, cost, even) for length in (0, *lengths))


def _taken(streams: Sequence[Sequence[Place]], length: int, cost: Cost, even: bool) -> float:
    at, taken = [0] * len(streams), 0.0
    while running := [stream for stream, places in enumerate(streams) if at[stream] < len(places)]:
        guessing = [
            stream
            for stream in running
            if length and streams[stream][at[stream]].guessed and at[stream] + length < len(streams[stream])
        ]
        rest, rows = len(running) - len(guessing), len(guessing) * (1 + length)
        taken += sum(map(cost, filter(None, (rest, rows)))) if even else cost(rest + rows)
        for stream in running:
            right = streams[stream][at[stream]].right if stream in guessing else 0
            at[stream] += 1 + min(length, right)
    return taken
