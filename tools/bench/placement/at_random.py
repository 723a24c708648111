"""Placement at random: the peer. As a program it is a coordinator that places so.

python -m tools.bench.placement.at_random serve [options of supernet-coordinator]
"""

import random
import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager
from functools import partial
from unittest.mock import patch

from coordinator.__main__ import main
from coordinator.scheduler.placement import Candidate


def at_random(dice: random.Random, candidates: Iterable[Candidate], *_: object, **__: object) -> str | None:
    """Any worker with a free slot."""
    names = [candidate.worker for candidate in candidates]
    return dice.choice(names) if names else None


def placed_at_random(seed: int) -> AbstractContextManager[object]:
    return patch("coordinator.scheduler.candidates.choose", partial(at_random, random.Random(seed)))


if __name__ == "__main__":
    with placed_at_random(0):
        sys.exit(main())
