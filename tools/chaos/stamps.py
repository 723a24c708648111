"""What the scripted workers of scripts/chaos say: each token its number in the answer, by whom it was made, and when.

So a client on this machine sees what was lost, repeated or someone else's, who made it, and how long it was on the way.
"""

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Stamp:
    """A token. `seed`: of its request; `at`: time.monotonic() when it left the engine, which all processes share."""

    number: int
    seed: int
    worker: str
    at: float


def stamp(number: int, seed: int, worker: str) -> bytes:
    return f"{number}:{seed}:{worker}:{time.monotonic():.6f} ".encode()


def read(text: str) -> list[Stamp]:
    """Raises TypeError or ValueError for anything else than stamps."""
    return [_stamp(*word.split(":")) for word in text.split()]


def _stamp(number: str, seed: str, worker: str, at: str) -> Stamp:
    return Stamp(int(number), int(seed), worker, float(at))
