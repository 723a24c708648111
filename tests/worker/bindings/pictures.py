"""Pictures for tests, and how llama.cpp's own helper reads them."""

import ctypes
from collections.abc import Sequence

import llama_cpp.llama_cpp as lib
import llama_cpp.mtmd_cpp as mtmd
import numpy as np
from numpy.typing import NDArray

from wire.pictures import PATCH
from worker.bindings.llama import Model
from worker.bindings.mtmd import Projector
from worker.engine.port import Picture


def picture(seed: int, columns: int, rows: int) -> Picture:
    """A picture of noise that becomes so many tokens."""
    width, height = columns * PATCH, rows * PATCH
    pixels = np.random.default_rng(seed).integers(0, 256, 3 * width * height, np.uint8).tobytes()
    return Picture(f"picture {seed} of {columns} x {rows}", width, height, pixels)


Part = str | Picture


def by_helper(
    model: Model, projector: Projector, parts: Sequence[Part], seq: int, rows: int
) -> tuple[list[list[int] | Picture], NDArray[np.float32]]:
    """Have llama.cpp's helper read texts and pictures into an empty sequence, `rows` in a decode.

    Returns what it read, tokens and pictures in their order, and the logits behind the last token.
    """
    context, llama = projector._context, model._context
    chunks, bitmaps, kept = mtmd.mtmd_input_chunks_init(), [], []
    for part in parts:
        if isinstance(part, Picture):
            pixels = (ctypes.c_uint8 * len(part.rgb)).from_buffer_copy(part.rgb)
            bitmaps.append(mtmd.mtmd_bitmap_init(part.width, part.height, pixels))
            kept.append(mtmd.mtmd_input_part(text=None, bitmap=bitmaps[-1]))
        else:
            text = mtmd.mtmd_input_text(part.encode(), len(part.encode()), False, True)
            kept.append(mtmd.mtmd_input_part(text=ctypes.pointer(text), bitmap=None))
    pointers = (ctypes.POINTER(mtmd.mtmd_input_part) * len(kept))(*map(ctypes.pointer, kept))
    assert mtmd.mtmd_tokenize_from_parts(context, chunks, pointers, len(kept), False) == 0
    shown = iter([part for part in parts if isinstance(part, Picture)])
    read: list[list[int] | Picture] = []
    for chunk in (mtmd.mtmd_input_chunks_get(chunks, i) for i in range(mtmd.mtmd_input_chunks_size(chunks))):
        if mtmd.mtmd_input_chunk_get_type(chunk) == 1:
            read.append(next(shown))
        else:
            count = ctypes.c_size_t()
            tokens = mtmd.mtmd_input_chunk_get_tokens_text(chunk, ctypes.byref(count))
            read.append(list(tokens[: count.value]))
    end = lib.llama_pos()
    assert mtmd.mtmd_helper_eval_chunks(context, llama, chunks, 0, seq, rows, True, ctypes.byref(end)) == 0
    logits = np.ctypeslib.as_array(lib.llama_get_logits_ith(llama, -1), (model.vocab.size,)).copy()
    mtmd.mtmd_input_chunks_free(chunks)
    for bitmap in bitmaps:
        mtmd.mtmd_bitmap_free(bitmap)
    return read, logits
