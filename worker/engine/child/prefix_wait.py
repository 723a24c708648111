"""A prompt whose beginning another job is just computing waits for it, instead of computing it once more.

When eight new chats with one system prompt come at the same moment, nothing is in the cache yet that they could take
over, and each would compute all of it. Waiting costs a follower nothing: it would have shared the model meanwhile.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from worker.engine.child.prefix_cache import common

WORTH = 128  # tokens saved; fewer are computed along with others in a step or two
PATIENCE = 8  # steps without progress of the one that is followed: other prompts may take all rows of a step


class Followed(Protocol):
    """What has to be known of a job: its prompt, how much of it is computed, where checkpoints will be saved."""

    fed: int
    paused: bool
    suspect: bool

    @property
    def prompt(self) -> NDArray[np.int32]: ...

    @property
    def cuts(self) -> Collection[int]: ...


@dataclass
class Lead:
    """The first `until` tokens of `job` are what is waited for. `seen`: what it had computed at the last look."""

    job: Followed
    until: int
    seen: int = -1
    still: int = 0

    def gone(self, running: Iterable[Followed]) -> bool:
        """It ended: cancelled perhaps, with the prompt half computed."""
        return not any(self.job is other for other in running)

    def worth(self) -> bool:
        """Whether to wait one step more. To be asked once a step."""
        fed = self.job.fed
        self.still = self.still + 1 if fed <= self.seen else 0
        self.seen = fed
        return fed < self.until and not self.job.paused and self.still < PATIENCE


def find(job: Followed, running: Iterable[Followed], known: int, cuttable: bool) -> Lead | None:
    """The running job that is about to have most of this one's prompt in the cache; None: not worth waiting for.

    `known`: tokens of the prompt that can be taken over already. A hybrid model (not `cuttable`) can be taken over
    only where a checkpoint is going to be saved.
    """
    best: Lead | None = None
    for other in running:
        if other.paused or other.suspect:
            continue
        until = min(common(job.prompt, other.prompt), len(job.prompt) - 1)
        if not cuttable:
            until = max((cut for cut in other.cuts if cut <= until), default=0)
        if other.fed < until and until >= max(known + WORTH, best.until + 1 if best else 0):
            best = Lead(other, until)
    return best
