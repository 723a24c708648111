"""What the scripted workers of scripts/chaos say: each token its number in the answer, by whom it was made, and when.

So a client on this machine sees what was lost, repeated or someone else's, who made it, and how long it was on the way;
and of the first, how long its question was.
"""

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Stamp:
    """A token. `seed`: of its request; `asked`, `at`: when its engine was given the request, and when the token left
    it, by time.monotonic(), which all processes share."""

    number: int
    seed: int
    worker: str
    asked: float
    at: float


def stamp(number: int, seed: int, worker: str, asked: float) -> bytes:
    return f"{number}:{seed}:{worker}:{asked:.6f}:{time.monotonic():.6f} ".encode()


def read(text: str) -> list[Stamp]:
    """Raises TypeError or ValueError for anything else than stamps."""
    return [_stamp(*word.split(":")) for word in text.split()]


def _stamp(number: str, seed: str, worker: str, asked: str, at: str) -> Stamp:
    return Stamp(int(number), int(seed), worker, float(asked), float(at))
