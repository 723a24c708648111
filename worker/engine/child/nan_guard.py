"""Whether what is in memory is still the model: bits turn over, and then every logit is a NaN (not a number)."""

from collections.abc import Callable, Sequence

import numpy as np

from worker.bindings.llama import Feed, Model
from worker.engine.child.sampler import Row

MOST_NAN_JOBS = 3  # jobs in a row that failed of NaN logits, before the model is tried with tokens of our own
PROBE_ROWS = 64  # of those; of 128 experts, 8 for each token, all but two are tried by so many


class ModelDamagedError(Exception):
    """What is in memory cannot be the model any more; only loading it again can help."""


class NanGuard:
    """Tells a damaged model from a prompt that overflows by itself, because such a prompt must not end the answers of
    other jobs. So it is told of every draw, and after some failures in a row tries harmless tokens.

    `decode` is `Flight.decode`, which makes room in the cache where there is none.
    """

    def __init__(self, model: Model, decode: Callable[[Sequence[Feed]], int]) -> None:
        self._model, self._decode = model, decode
        self._nan_jobs = 0  # in a row
        self._seq = 0  # of the last of them, empty since

    def note_drawn(self) -> None:
        """A job drew a token."""
        self._nan_jobs = 0

    def note_failed(self, row: Row, seq: int) -> None:
        """A job could draw none from this row, and its sequence has been emptied."""
        if np.isnan(row).any():
            self._nan_jobs, self._seq = self._nan_jobs + 1, seq

    @property
    def suspicious(self) -> bool:
        return self._nan_jobs >= MOST_NAN_JOBS

    def damaged(self, rows: int) -> bool:
        """Whether the model has NaNs for `rows` harmless tokens from all over the vocabulary too; False at once where
        nothing is suspicious. To be asked while nothing is in flight, and before the sequence of a job that failed
        goes to another."""
        if not self.suspicious:
            return False
        self._nan_jobs, size = 0, self._model.vocab.size
        rows = min(PROBE_ROWS, rows, self._model.context)
        code = self._decode([Feed(self._seq, 0, [i * size // rows for i in range(rows)], 1)])
        found = code == 0 and bool(np.isnan(self._model.logits()).any())
        self._model.clear(self._seq)
        return found
