"""What the sequences of the cache hold, and which of it a new prompt can reuse.

Every sequence is alike: a job runs in one, and when it has ended its tokens stay there until the place is needed. With
an attention-only model any common prefix can be taken over. A hybrid model (Qwen3.5, 3.6) keeps one recurrent state a
sequence, which cannot be cut back: there a prefix is reusable at its very end, or where a checkpoint of the state was
saved in main memory. Reuse moves whole states only, so it never changes an answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from worker.engine.port import EngineSpec

MIN_REUSE = 16  # tokens; less is computed again sooner than a checkpoint is copied
# Tokens that are worth a copy from one separate cache to another: it takes all of the cache, and llama.cpp lays out its
# largest graph anew (llama-context.cpp, memory_update), some tens of milliseconds in which every stream stands still.
MIN_COPY = 256
# Tokens up to the end of a picture that are worth a checkpoint there: one costs a copy of the state, 63 MiB in a model
# of 35B. Behind the picture another question may follow than this one, and no anchor stands between.
MIN_SEEN = 256
# Tokens of ended jobs in a shared cache, where every row attends to them too: what a plan thinks bearable (plan.py,
# MOST_SHARED_CELLS). Without a bound the cache of one long job fills up, and every step takes longer than the last.
MOST_KEPT = 65_536


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a job goes: `target` becomes the first `length` tokens of `source` (None: empty), with `state` restored.

    `aside`: before that, all that the target holds is copied there.
    """

    target: int
    source: int | None = None
    length: int = 0
    state: bytes | None = None
    aside: int | None = None


@dataclass
class _Checkpoint:
    state: bytes
    used: int


@dataclass
class _Sequence:
    """What one sequence holds. `worth`: tokens that are lost with it; what a later sequence took over counts there."""

    tokens: NDArray[np.int32]
    length: int = 0
    busy: bool = False
    used: int = 0
    worth: int = 0
    checkpoints: dict[int, _Checkpoint] = field(default_factory=dict)

    def common(self, prompt: NDArray[np.int32]) -> int:
        """Length of the longest common prefix."""
        return common(self.tokens[: self.length], prompt)


class Prefixes:
    """The index over `sequences` sequences of up to `context` tokens, with checkpoints of `saved_bytes` at most.

    `cuttable`: the model is attention-only. `contiguous`: running sequences have to be neighbours, and what is kept
    makes way for them, because with separate caches each gap costs llama.cpp a pass over the weights in each step.
    `shared`: one cache for all.
    """

    def __init__(
        self,
        sequences: int,
        context: int,
        *,
        cuttable: bool,
        contiguous: bool = False,
        shared: bool = False,
        saved_bytes: int = EngineSpec.saved_bytes,
    ) -> None:
        self._held = [_Sequence(np.empty(context, np.int32)) for _ in range(sequences)]
        self._cuttable = cuttable
        self._contiguous = contiguous
        self._shared = shared
        self._saved_bytes = saved_bytes
        self._clock = 0

    def place(self, prompt: Sequence[int]) -> Placement:
        """Choose a free sequence for a prompt and what it can take over; at least one token is left to compute.

        There must be a free sequence. The target counts as busy from now on.
        """
        self._clock += 1
        tokens = np.asarray(prompt, np.int32)
        source, length = self._longest(tokens)
        inherited: dict[int, _Checkpoint] = {}
        state = None
        worth = 0
        if source is not None:
            origin, worth = self._held[source], self._held[source].worth
            origin.used = self._clock
            inherited = {at: kept for at, kept in origin.checkpoints.items() if at <= length}
            if length < origin.length and not self._cuttable:
                state = inherited[length].state
                inherited[length].used = self._clock
            if not origin.busy:
                origin.worth = min(origin.worth, origin.length - length)
        target = self._target(source)
        if self._contiguous and source is not None and source != target and length < MIN_COPY:
            self._held[source].worth = worth  # nobody else has its tokens
            source, length, state, inherited = None, 0, None, {}
        aside = self._aside(target, source) if self._contiguous else None
        held = self._held[target]
        held.tokens[:length] = tokens[:length]
        held.length, held.busy, held.used, held.worth = length, True, self._clock, length
        held.checkpoints = inherited
        return Placement(target, source, length, state, aside)

    def reusable(self, prompt: NDArray[np.int32]) -> int:
        """Tokens of the prompt that could be taken over now."""
        return self._longest(prompt)[1]

    def _longest(self, prompt: NDArray[np.int32]) -> tuple[int | None, int]:
        best: tuple[int | None, int] = (None, 0)
        for seq, held in enumerate(self._held):
            length = self._reusable_of(held, prompt)
            # Of equals the free one: taking over in place leaves fewer sequences behind.
            if length > best[1] or (length == best[1] and best[0] is not None and self._held[best[0]].busy):
                best = (seq, length) if length else best
        return best

    def _reusable_of(self, held: _Sequence, prompt: NDArray[np.int32]) -> int:
        most = min(held.common(prompt), len(prompt) - 1)
        if most < held.length:
            most = _outside_pictures(prompt, most)
        if not self._cuttable and not (most == held.length and held.length):
            most = max((at for at in held.checkpoints if at <= most), default=0)
        return most if most >= MIN_REUSE else 0

    def _target(self, source: int | None) -> int:
        """The free sequence that is worth least for its age, empty ones first.

        If `contiguous`, of those that leave the fewest gaps, and the source itself if little of it is lost: then there
        is nothing to copy.
        """
        free = [seq for seq, held in enumerate(self._held) if not held.busy]
        if not self._contiguous:
            return min(free, key=lambda seq: (self._value(seq), seq))
        in_place = source if source is not None and self._held[source].worth < MIN_COPY else None
        return min(free, key=lambda seq: (self._gaps(seq), seq != in_place, self._value(seq), seq))

    def _gaps(self, seq: int) -> int:
        """Between the running sequences, if this one ran too."""
        busy = [other for other, held in enumerate(self._held) if held.busy or other == seq]
        return sum(after - before > 1 for before, after in pairwise(busy))

    def _aside(self, target: int, source: int | None) -> int | None:
        """The free sequence that is to keep what the target holds, if that is worth a copy, and more than is lost."""
        held = self._held[target]
        free = [seq for seq, other in enumerate(self._held) if not other.busy and seq not in (target, source)]
        aside = min(free, key=self._value, default=None)
        if target == source or aside is None or held.worth < MIN_COPY or self._value(aside) >= self._value(target):
            return None
        self._held[target], self._held[aside] = self._held[aside], held
        return aside

    def _value(self, seq: int) -> float:
        """What is lost with it, by how long ago that was used: squared, so that chats that take turns do not lose
        theirs to a somewhat longer one that has ended (four of 159 to 310 tokens lost one in two)."""
        held = self._held[seq]
        return held.worth / (1 + self._clock - held.used) ** 2 if held.length else -1.0

    def grow(self, seq: int, tokens: Sequence[int]) -> None:
        """These tokens were computed in the sequence."""
        held = self._held[seq]
        end = held.length + len(tokens)
        held.tokens[held.length : end] = tokens
        held.length = end
        held.worth += len(tokens)

    def shrink(self, seq: int, length: int) -> None:
        """A running job's sequence was cut to its first `length` tokens."""
        held = self._held[seq]
        held.worth = max(0, held.worth - (held.length - length))
        held.length = length
        held.checkpoints = {at: kept for at, kept in held.checkpoints.items() if at <= length}

    def checkpoints_at(self, anchors: Sequence[int], start: int, total: int, seen: int = 0) -> tuple[int, ...]:
        """After how many tokens to save checkpoints while a prompt of `total` tokens is computed from `start` on.

        Nowhere if the model is `cuttable`. Else at the anchors, and at `seen` if the last of its pictures ends there.
        Each costs a graph of its own and a copy of the state, so none is too near to another, nor to the start. The
        first anchor (the end of the system block, which other conversations share) and the last (the start of the
        generation prompt, where the next turn leaves this one) come before those between.
        """
        if self._cuttable:
            return ()
        chosen: list[int] = []
        pictures = (seen,) if seen >= MIN_SEEN else ()
        for anchor in (*anchors[:1], *anchors[-1:], *anchors[1:-1], *pictures):
            near = any(abs(anchor - other) < MIN_REUSE for other in chosen)
            if start + MIN_REUSE <= anchor < total and not near:
                chosen.append(anchor)
        return tuple(sorted(chosen))

    def save_checkpoint(self, seq: int, state: bytes) -> None:
        """Keep the recurrent state of the sequence as it is now. The least recently used checkpoints give way to it."""
        held = self._held[seq]
        held.checkpoints[held.length] = _Checkpoint(state, self._clock)
        while True:
            every = {id(kept): kept for other in self._held for kept in other.checkpoints.values()}
            if sum(len(kept.state) for kept in every.values()) <= self._saved_bytes:
                return
            oldest = min(every.values(), key=lambda kept: kept.used)
            for other in self._held:
                other.checkpoints = {at: kept for at, kept in other.checkpoints.items() if kept is not oldest}

    def release(self, seq: int) -> None:
        """The job in it ended; its tokens stay for others."""
        self._held[seq].busy = False
        self._held[seq].used = self._clock

    def forget(self, seq: int) -> None:
        """The sequence was emptied. A running job keeps its place in it."""
        held = self._held[seq]
        held.length = held.worth = 0
        held.checkpoints = {}

    def evict_surplus(self) -> int | None:
        """Do as `evict` does if more is kept in a shared cache than MOST_KEPT; the last prefix stays, however long."""
        free = [held.worth for held in self._held if held.length and not held.busy]
        return self.evict() if self._shared and len(free) > 1 and sum(free) > MOST_KEPT else None

    def evict(self) -> int | None:
        """Give up the free prefix that is worth least; returns the sequence to empty, None if there is none."""
        free = [seq for seq, held in enumerate(self._held) if held.length and not held.busy]
        if not free:
            return None
        seq = min(free, key=self._value)
        self.forget(seq)
        return seq


def _outside_pictures(prompt: NDArray[np.int32], length: int) -> int:
    """The most of so many rows that a sequence with more of them can be cut back to: the rows of a picture, whose keys
    are below 0, have one position, so none of them can be cut off alone."""
    while 0 < length < len(prompt) and prompt[length - 1] < 0 and prompt[length] < 0:
        length -= 1
    return length


def common(one: NDArray[np.int32], other: NDArray[np.int32]) -> int:
    """Length of the longest common prefix."""
    n = min(len(one), len(other))
    differs = one[:n] != other[:n]
    first = int(differs.argmax()) if n else 0
    return first if n and differs[first] else n
