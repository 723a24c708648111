"""Whether what is in memory is still the model: bits turn over, and then nobody gets numbers any more."""

from collections.abc import Callable, Sequence

import numpy as np

from worker.bindings.llama import Feed, Model
from worker.engine.child.sampler import Row

MOST_NUMB = 3  # jobs in a row whose logits are no numbers, before the model is tried with tokens of our own
PROBE_ROWS = 64  # of those; of 128 experts, 8 for each token, all but two are tried by so many


class ModelDamagedError(Exception):
    """What is in memory cannot be the model any more; only loading it again can help."""


class Damage:
    """Told of every draw. `decode` is the loop's, which makes room where there is none."""

    def __init__(self, model: Model, decode: Callable[[Sequence[Feed]], int]) -> None:
        self._model, self._decode = model, decode
        self._numb = 0  # jobs in a row
        self._seq = 0  # of the last of them, empty since

    def drew(self) -> None:
        self._numb = 0

    def failed(self, row: Row, seq: int) -> None:
        if np.isnan(row).any():
            self._numb, self._seq = self._numb + 1, seq

    @property
    def suspected(self) -> bool:
        return self._numb >= MOST_NUMB

    def found(self, rows: int) -> bool:
        """The model has no numbers for `rows` harmless tokens from all over the vocabulary either. To be asked while
        nothing is in flight, and before the sequence of a job that failed goes to another.

        A job may have done it to itself: whoever finds a prompt that overflows must not end other people's answers.
        """
        if not self.suspected:
            return False
        self._numb, size = 0, self._model.vocab.size
        rows = min(PROBE_ROWS, rows, self._model.context)
        code = self._decode([Feed(self._seq, 0, [i * size // rows for i in range(rows)], True)])
        numb = code == 0 and bool(np.isnan(self._model.logits()).any())
        self._model.clear(self._seq)
        return numb
