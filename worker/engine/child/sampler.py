"""Drawing the next token from a row of logits: exact, reproducible, and without sorting the vocabulary.

Order of operations: logit bias; repetition, frequency and presence penalties; at temperature 0 the largest logit; else
temperature, top-k, top-p over what top-k left, min-p against the likeliest token, and one draw. The random number is
the i-th double of numpy's Philox(key=seed), i being the token's index in the answer: a draw depends on the job's seed
and position alone, whatever else is in the batch, and on any worker that continues the answer.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from wire.chat import MAX_TOP_K, Sampling
from wire.errors import ErrorCode, SupernetError

REPETITION_WINDOW = 64  # last tokens of the prompt that repetition_penalty sees, besides the whole answer
_BLOCK = 256  # uniforms made at once: a Philox of its own for each token would cost 15 us
_GROUPS = 128  # values over which top_k takes a maximum; fewer where that would leave few maxima

Row = NDArray[np.float32]


def top_k(row: Row, k: int) -> NDArray[np.intp]:
    """Indices of the `k` largest finite values, best first, of equals the lower index first; fewer if fewer are finite.

    The row is read as up to _GROUPS lines; at least k columns have a maximum as large as the k-th largest of these
    maxima, so all of the top k are that large, only columns that reach it are looked at again. 20 of 248k take 50 us
    where a full sort takes 18 ms.
    """
    groups = _GROUPS
    while groups > 1 and len(row) // groups < 4 * k:
        groups //= 2
    width = len(row) // groups
    if groups < 4:
        return _best(np.flatnonzero(row > -np.inf), row, k)
    grid = row[: width * groups].reshape(groups, width)
    maxima = grid.max(axis=0)
    floor = np.partition(maxima, width - k)[width - k]
    if not floor > -np.inf:
        return _best(np.flatnonzero(row > -np.inf), row, k)
    columns = np.flatnonzero(maxima >= floor)
    lines, hits = np.divmod(np.flatnonzero(grid[:, columns].ravel() >= floor), columns.size)
    rest = np.flatnonzero(row[width * groups :] >= floor) + width * groups
    return _best(np.concatenate([lines * width + columns[hits], rest]), row, k)


def _best(found: NDArray[np.intp], row: Row, k: int) -> NDArray[np.intp]:
    """The `k` indices of ascending `found` with the largest values, sorted."""
    values = row[found]
    if found.size > 4 * k:
        found = found[values >= np.partition(values, found.size - k)[found.size - k]]
        values = row[found]
    return found[np.argsort(-values, kind="stable")[:k]]


def logprobs(row: Row, token: int, top: int) -> tuple[float, list[tuple[int, float]]]:
    """Natural log-probabilities under the row as the model gave it: of `token`, and of the `top` likeliest tokens."""
    peak = row.max()
    total = float(peak) + math.log(float(np.exp(row - peak).sum(dtype=np.float64)))
    best = top_k(row, top) if top else ()
    return float(row[token]) - total, [(int(i), float(row[i]) - total) for i in best]


class Uniforms:
    """Doubles in [0, 1) by index: the stream of Philox(key=seed)."""

    def __init__(self, seed: int) -> None:
        self._key = seed % 2**64
        self._begin = -1
        self._block: NDArray[np.float64] = np.empty(0)

    def at(self, index: int) -> float:
        """The number at that index, whichever were asked for before."""
        begin = index - index % _BLOCK
        if begin != self._begin:
            stream = np.random.Philox(key=self._key)
            stream.advance(begin // 4)  # a step of Philox4x64 makes four doubles
            self._block = np.random.Generator(stream).random(_BLOCK)
            self._begin = begin
        return float(self._block[index - begin])


class Sampler:
    """The draws of one job. Tell it every token of the answer with `accept`, delivered and forced ones too."""

    def __init__(self, sampling: Sampling, seed: int, prompt: Sequence[int]) -> None:
        self._sampling = sampling
        self._uniforms = Uniforms(seed)
        bias = dict(sampling.logit_bias)
        self._bias = np.fromiter(bias, np.intp, len(bias)), np.fromiter(bias.values(), np.float32, len(bias))
        plain = (sampling.repetition_penalty, sampling.presence_penalty, sampling.frequency_penalty) == (1, 0, 0)
        self._penal = not plain
        self._slot: dict[int, int] = {}
        self._ids = np.empty(_BLOCK, np.intp)
        self._counts = np.empty(_BLOCK, np.float32)
        for token in prompt[-REPETITION_WINDOW:] if self._penal else ():
            self._count(token, 0)

    def accept(self, tokens: Iterable[int]) -> None:
        for token in tokens if self._penal else ():
            self._count(token, 1)

    def _count(self, token: int, times: int) -> None:
        slot = self._slot.get(token)
        if slot is None:
            slot = self._slot[token] = len(self._slot)
            if slot == len(self._ids):
                self._ids = np.concatenate([self._ids, np.empty_like(self._ids)])
                self._counts = np.concatenate([self._counts, np.empty_like(self._counts)])
            self._ids[slot], self._counts[slot] = token, 0
        self._counts[slot] += times

    def adjust(self, row: Row) -> None:
        """Bias and penalties, in place."""
        ids, values = self._bias
        if ids.size:
            row[ids] += values
        if not self._penal:
            return
        asked, seen = self._sampling, len(self._slot)
        ids, counts = self._ids[:seen], self._counts[:seen]
        logits = row[ids]
        logits = np.where(logits > 0, logits / asked.repetition_penalty, logits * asked.repetition_penalty)
        row[ids] = logits - asked.frequency_penalty * counts - asked.presence_penalty * (counts > 0)

    def draw(self, row: Row, index: int) -> int:
        """The token at `index` of the answer. `row` must have been adjusted; -inf marks what may not come.

        Raises SupernetError(ENGINE_ERROR) if the row is broken, or if nothing may come.
        """
        if self._sampling.temperature == 0:
            token = int(row.argmax())
            if not math.isfinite(row[token]):
                raise _nothing()
            return token
        best = top_k(row, self._sampling.top_k or MAX_TOP_K)
        if not best.size or not np.isfinite(row[best[0]]):
            raise _nothing()
        logits = row[best].astype(np.float64)
        weights = np.exp((logits - logits[0]) / self._sampling.temperature)
        sums = weights.cumsum()
        kept = int(np.searchsorted(sums, self._sampling.top_p * sums[-1])) + 1
        # Weights are relative to the likeliest token's, which is 1: min_p needs no normalisation.
        kept = min(kept, int(np.count_nonzero(weights >= self._sampling.min_p)))
        chosen = int(np.searchsorted(sums[:kept], self._uniforms.at(index) * sums[kept - 1], side="right"))
        return int(best[min(chosen, kept - 1)])


def _nothing() -> SupernetError:
    return SupernetError(
        ErrorCode.ENGINE_ERROR, "no token can follow: the model's output is not a number or all is ruled out"
    )
