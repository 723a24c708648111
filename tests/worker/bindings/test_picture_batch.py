"""What llama.cpp gets for rows of pictures; that it reads them rightly is in test_mtmd.py."""

import ctypes

import numpy as np

from worker.bindings.picture_batch import Patch, PictureBatch


def test_positions_lie_one_kind_after_the_other_and_begin_at_the_patch() -> None:
    batch = PictureBatch(8, 2)
    vectors = np.arange(20, dtype=np.float32).reshape(10, 2)
    filled = batch.fill([(1, 5, Patch(vectors[3:6], 3, 4)), (0, 9, Patch(vectors[:2], 0, 2))])
    assert filled.n_tokens == 5 and not filled.token
    assert filled.pos[:20] == [5, 5, 5, 9, 9, 5, 6, 6, 9, 9, 8, 5, 6, 9, 10, 0, 0, 0, 0, 0]
    assert [filled.seq_id[row][0] for row in range(5)] == [1, 1, 1, 0, 0]
    assert filled.n_seq_id[:5] == [1] * 5 and not any(filled.logits[:5])
    found = np.ctypeslib.as_array(ctypes.cast(filled.embd, ctypes.POINTER(ctypes.c_float)), (5, 2))
    np.testing.assert_array_equal(found, vectors[[3, 4, 5, 0, 1]])


def test_what_an_earlier_batch_left_is_not_sent_again() -> None:
    batch = PictureBatch(8, 1)
    batch.fill([(3, 70, Patch(np.ones((8, 1), np.float32), 0, 8))])
    filled = batch.fill([(1, 0, Patch(np.zeros((2, 1), np.float32), 0, 1))])
    assert filled.n_tokens == 2
    assert filled.pos[:8] == [0, 0, 0, 1, 0, 0, 0, 0]
