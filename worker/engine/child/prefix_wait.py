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

LEAST_SAVED = 128  # tokens; fewer are computed along with others in a step or two
PATIENCE_STEPS = 8  # without progress of the job that leads: other prompts may take all rows of a step


class Reader(Protocol):
    """What has to be known of a job: its prompt, how much of it is computed, where checkpoints will be saved."""

    computed: int
    paused: bool
    suspect: bool

    @property
    def prompt(self) -> NDArray[np.int32]: ...

    @property
    def checkpoints_at(self) -> Collection[int]: ...


@dataclass
class Lead:
    """The running job that another waits for, until `until` tokens of its prompt are computed.

    `seen`: what it had computed when asked last; `still`: how often in a row that was no more than before.
    """

    job: Reader
    until: int
    seen: int = -1
    still: int = 0

    def gone(self, running: Iterable[Reader]) -> bool:
        """Whether the job that computes the prefix has ended: cancelled, perhaps, with its prompt half computed."""
        return not any(self.job is other for other in running)

    def worth_waiting(self) -> bool:
        """Whether to wait one step more. To be asked once a step."""
        computed = self.job.computed
        self.still = self.still + 1 if computed <= self.seen else 0
        self.seen = computed
        return computed < self.until and not self.job.paused and self.still < PATIENCE_STEPS


def find_lead(job: Reader, running: Iterable[Reader], reusable: int, cuttable: bool) -> Lead | None:
    """The running job that will soon have the longest common prefix in the cache; None: none is worth waiting for.

    `reusable`: tokens of the prompt that can be taken over already. Of a hybrid model (not `cuttable`) a prefix can be
    taken over only where a checkpoint is going to be saved.
    """
    best: Lead | None = None
    for other in running:
        if other.paused or other.suspect:
            continue
        until = min(common(job.prompt, other.prompt), len(job.prompt) - 1)
        if not cuttable:
            until = max((at for at in other.checkpoints_at if at <= until), default=0)
        if other.computed < until and until >= max(reusable + LEAST_SAVED, best.until + 1 if best else 0):
            best = Lead(other, until)
    return best
