"""What goes into one decode."""

from collections.abc import Sequence
from typing import NamedTuple

from worker.bindings.picture_batch import Patch


class Feed(NamedTuple):
    """Consecutive tokens of one sequence from position `start` on; the last `draws` of them yield a row of logits each.

    With a `patch` they are rows of a picture at this position; `tokens` has their keys then, and none of them draws.
    """

    seq: int
    start: int
    tokens: Sequence[int]
    draws: int
    patch: Patch | None = None
