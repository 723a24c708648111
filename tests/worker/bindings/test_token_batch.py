import ctypes

import numpy as np

from worker.bindings.token_batch import TokenBatch


def test_llama_cpp_sees_what_was_written_into_the_arrays() -> None:
    batch = TokenBatch(4, width=2)
    batch.tokens[:3], batch.positions[:3], batch.sequences[:3] = (5, 6, 7), (10, 11, 2), (0, 0, 3)
    batch.wanted[:3] = (0, 1, 1)
    batch.vectors[:3] = [[1, 2], [3, 4], [5, 6]]
    found = batch.of(3)
    assert found.n_tokens == 3
    assert [found.token[row] for row in range(3)] == [5, 6, 7]
    assert [found.pos[row] for row in range(3)] == [10, 11, 2]
    assert [found.seq_id[row][0] for row in range(3)] == [0, 0, 3]
    assert [found.n_seq_id[row] for row in range(3)] == [1, 1, 1]
    assert [found.logits[row] for row in range(3)] == [0, 1, 1]
    vectors = ctypes.cast(found.embd, ctypes.POINTER(ctypes.c_float))
    np.testing.assert_array_equal([vectors[at] for at in range(6)], [1, 2, 3, 4, 5, 6])


def test_without_vectors_there_are_none() -> None:
    assert not TokenBatch(4).of(1).embd
