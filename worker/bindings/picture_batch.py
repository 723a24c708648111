"""Rows of pictures as llama.cpp takes them: vectors in place of tokens, and four positions for each."""

import ctypes
from collections.abc import Sequence
from typing import Any, NamedTuple

import llama_cpp.llama_cpp as lib
import numpy as np
from numpy.typing import NDArray


class Patch(NamedTuple):
    """Consecutive rows of a picture: their vectors, and which of the picture's rows the first is. `columns` of them
    make a line of the picture."""

    vectors: NDArray[np.float32]
    first: int
    columns: int


class PictureBatch:
    """One llama_batch of up to `rows` vectors of `width` numbers, over numpy memory. None of them is an output."""

    def __init__(self, rows: int, width: int) -> None:
        self._vectors, self._pos = np.zeros((rows, width), np.float32), np.zeros(4 * rows, np.int32)
        self._seq, self._wanted = np.zeros(rows, np.int32), np.zeros(rows, np.int8)
        self._counts = np.ones(rows, np.int32)
        self._seq_of = self._seq.ctypes.data + np.arange(rows, dtype=np.uintp) * self._seq.itemsize
        as_int = ctypes.POINTER(ctypes.c_int32)
        self._batch = lib.llama_batch(
            n_tokens=0,
            token=None,
            embd=self._vectors.ctypes.data_as(ctypes.POINTER(ctypes.c_float)),
            pos=self._pos.ctypes.data_as(as_int),
            n_seq_id=self._counts.ctypes.data_as(as_int),
            seq_id=self._seq_of.ctypes.data_as(ctypes.POINTER(as_int)),
            logits=self._wanted.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)),
        )

    def fill(self, patches: Sequence[tuple[int, int, Patch]]) -> Any:
        """A llama_batch of these, given as (sequence, position of the picture, patch). It is valid until the next.

        Positions lie one kind after the other: time (the picture's own position), line, column, and zeros.
        """
        count = sum(len(patch.vectors) for _, _, patch in patches)
        time, line, column, rest = self._pos[: 4 * count].reshape(4, count)
        rest[:] = 0
        end = 0
        for seq, start, patch in patches:
            begin, end = end, end + len(patch.vectors)
            index = np.arange(patch.first, patch.first + end - begin)
            self._vectors[begin:end] = patch.vectors
            self._seq[begin:end] = seq
            time[begin:end] = start
            line[begin:end] = start + index // patch.columns
            column[begin:end] = start + index % patch.columns
        self._batch.n_tokens = count
        return self._batch
