"""llama.cpp as the engine needs it: a model with its context.

With its neighbours `backend` and `vocab` the only importer of llama_cpp, and of its low-level API alone. Several
misuses abort the whole process inside llama.cpp (too many rows or outputs, a partial copy between separate caches),
where ctypes cannot catch anything; each is refused here in Python first. Nothing in this file is thread-safe.
"""

import ctypes
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import llama_cpp.llama_cpp as lib
import numpy as np
from numpy.typing import NDArray

from worker.bindings.backend import refused, supports_gpu_offload
from worker.bindings.feed import Feed
from worker.bindings.head import Head
from worker.bindings.loaded import COPIES_FROM, COPIES_FROM_BY_ITSELF, Loaded
from worker.bindings.picture_batch import PictureBatch
from worker.bindings.token_batch import TokenBatch
from worker.bindings.vocab import Vocab
from worker.engine.port import EngineSpec

__all__ = ["RC_NO_CELLS", "Feed", "Model"]

RC_NO_CELLS = 1  # llama_decode: the cache has no room for the batch, nothing was changed
_PARTIAL = 1  # LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY: the recurrent rows, not the attention cells


class Model:
    """A loaded model and its cache of `sequences` token sequences. One thread at a time.

    `on_progress` gets fractions of the load and returns False to give up.
    Raises SupernetError(MODEL_NOT_LOADED) that names what does not fit.
    """

    def __init__(self, spec: EngineSpec, on_progress: Callable[[float], bool] = lambda _: True) -> None:
        self._loaded = Loaded(spec, on_progress)
        self._context, model = self._loaded.context, self._loaded.model
        self._memory = lib.llama_get_memory(self._context)
        self.vocab = Vocab(spec.path, model)
        self.sequences = spec.slots + spec.anchors
        self.unified = spec.unified
        self.context = min(spec.context, lib.llama_n_ctx_seq(self._context))
        self.hybrid = bool(lib.llama_model_is_hybrid(model) or lib.llama_model_is_recurrent(model))
        self.offloaded = spec.gpu_layers != 0  # some of it, or all, is on GPUs
        some = spec.cpu_expert_layers > 0 or spec.gpu_layers > 0  # what is not is computed while decode waits
        self.asynchronous = self.offloaded and not some and supports_gpu_offload()  # decode returns before it is done
        # Rows of a batch from which on weights in main memory are copied to a GPU for it; 0: there are none to copy
        self.copies_from = int(os.environ.get(COPIES_FROM, COPIES_FROM_BY_ITSELF)) if some else 0
        self._most_rows, self._most_outputs = spec.batch, spec.slots + spec.anchors + spec.draft_rows
        self.rollback = int(lib.llama_n_rs_seq(self._context))  # tokens that a hybrid model's state can go back
        self._rolled: set[int] = set()  # sequences whose state has gone back, and has not been computed from since
        self._outputs = 0
        self._logits_at, self._logits = (0, 0), np.empty((0, self.vocab.size), np.float32)
        self.inside_s = 0.0  # seconds that llama_decode and llama_synchronize have taken, for all decodes
        self._batch = TokenBatch(spec.batch)
        head = self._loaded.head
        self._head = Head(model, self._context, head, self.sequences, spec.batch) if head else None
        self.foresees = head is not None  # it can guess its next tokens
        self.handle = model  # llama.cpp's own, for what else is loaded on top of it
        self.width = int(lib.llama_model_n_embd_inp(model))  # numbers of a vector that stands for a token
        self._pictures = PictureBatch(spec.batch, self.width) if spec.projector else None

    def touch(self) -> None:
        """Put one token through every tensor, all experts too: weights come from the disk when they are first used."""
        lib.llama_set_warmup(self._context, True)
        code = self.decode([Feed(0, 0, [0], 1)])
        self.logits()
        self.clear(0)
        lib.llama_set_warmup(self._context, False)
        if code:
            raise refused(f"the model computes nothing (code {code})")

    def decode(self, feeds: Sequence[Feed]) -> int:
        """Put tokens, or rows of pictures, through the model; llama_decode's code: 0 done (or on its way), 1 no cells
        left, below 0 failed.

        Raises ValueError for a batch that would abort the process, and for tokens and pictures in one: llama.cpp would
        leave out one of them without a word.
        """
        rows = sum(len(feed.tokens) for feed in feeds)
        outputs = sum(feed.draws for feed in feeds)
        if not 0 < rows <= self._most_rows:
            raise ValueError(f"{rows} rows in a decode of 1 to {self._most_rows}")
        if outputs > self._most_outputs:
            raise ValueError(f"{outputs} outputs in a decode of at most {self._most_outputs}")
        batch = self._fill_pictures(feeds) if feeds[0].patch else self._fill(feeds)
        self._outputs = outputs
        self._rolled.difference_update(feed.seq for feed in feeds)
        began = time.perf_counter()
        self._follow()
        code = int(lib.llama_decode(self._context, batch))
        self.inside_s += time.perf_counter() - began
        if self._head and not code:
            self._head.computed(feeds)
        return code

    def guess(self, last: Mapping[int, int], counts: Mapping[int, int]) -> dict[int, list[int]]:
        """What a model that `foresees` takes for the next tokens of these sequences, see `Head.guess`."""
        if not self._head:
            raise ValueError("a guess of a model without a prediction head")
        for seq in last:
            self._own(seq)
        began = time.perf_counter()
        guesses = self._head.guess(last, counts)
        self.inside_s += time.perf_counter() - began
        return guesses

    def _follow(self) -> None:
        """Before the sequences change, the head takes up what they are."""
        if self._head:
            self._head.follow()

    def _fill(self, feeds: Sequence[Feed]) -> Any:
        end = 0
        for feed in feeds:
            self._own(feed.seq)
            if feed.patch:
                raise ValueError("a picture in a decode of tokens")
            begin, end = end, end + len(feed.tokens)
            self._batch.tokens[begin:end] = feed.tokens
            self._batch.positions[begin:end] = np.arange(feed.start, feed.start + end - begin)
            self._batch.sequences[begin:end] = feed.seq
            self._batch.wanted[begin:end] = 0
            self._batch.wanted[end - feed.draws : end] = 1
        return self._batch.of(end)

    def _fill_pictures(self, feeds: Sequence[Feed]) -> Any:
        patches = []
        for feed in feeds:
            self._own(feed.seq)
            if feed.patch is None or feed.draws:
                raise ValueError("a token, or an output, in a decode of pictures")
            if feed.patch.vectors.shape != (len(feed.tokens), self.width):
                raise ValueError(f"{len(feed.tokens)} rows of a picture with vectors {feed.patch.vectors.shape}")
            patches.append((feed.seq, feed.start, feed.patch))
        if self._pictures is None:
            raise ValueError("a picture for a model without eyes")
        return self._pictures.fill(patches)

    def logits(self) -> NDArray[np.float32]:
        """Wait for the decode and view its logits, (outputs, vocabulary) in the order of the feeds that draw.

        The rows may be written to; the next decode overwrites them.
        """
        began = time.perf_counter()
        lib.llama_synchronize(self._context)
        self.inside_s += time.perf_counter() - began
        if not self._outputs:
            return np.empty((0, self.vocab.size), np.float32)
        rows = lib.llama_get_logits(self._context)
        at = ctypes.addressof(rows.contents), self._outputs
        if at != self._logits_at:  # a view takes 40 us to make, and they mostly stand where they stood
            self._logits_at, self._logits = at, np.ctypeslib.as_array(rows, (self._outputs, self.vocab.size))
        return self._logits

    # ---- memory of sequences -----------------------------------------------------------------------------------

    def _own(self, seq: int) -> None:
        if not 0 <= seq < self.sequences:
            raise ValueError(f"sequence {seq} of {self.sequences}")

    def clear(self, seq: int) -> None:
        self._own(seq)
        self._rolled.discard(seq)
        self._follow()
        lib.llama_memory_seq_rm(self._memory, seq, -1, -1)
        if self._head:
            self._head.clear(seq)

    def length(self, seq: int) -> int:
        """Positions that the sequence has used: its tokens, if there is no picture among them."""
        self._own(seq)
        return int(lib.llama_memory_seq_pos_max(self._memory, seq)) + 1

    def cut(self, seq: int, end: int, state: bytes | None = None) -> bool:
        """Keep what stands before position `end`, which is the number of tokens where no picture is. A hybrid model
        needs the `state` saved there, unless nothing is cut off, or no more than `rollback` tokens of the last decode.

        False: it could not be done and the sequence must be cleared.
        """
        self._own(seq)
        self._follow()
        if state is not None:
            memory = (ctypes.c_uint8 * len(state)).from_buffer_copy(state)
            if lib.llama_state_seq_set_data_ext(self._context, memory, len(state), seq, _PARTIAL) != len(state):
                return False
            self._rolled.discard(seq)
        elif self.hybrid and end < self.length(seq):
            self._rolled.add(seq)
        if self._head:
            self._head.cut(seq, end)
        return bool(lib.llama_memory_seq_rm(self._memory, seq, end, -1))

    def fork(self, source: int, target: int, end: int, state: bytes | None = None) -> bool:
        """Make `target` what `source` holds before position `end`; the source stays as it is. Answers as `cut` does."""
        self._own(source)
        self.clear(target)
        if source in self._rolled and state is None:
            # a copy would not know that the source's state has gone back (llama-memory-recurrent.cpp, seq_cp)
            state = self.checkpoint(source)
        # All of it: a partial copy between separate caches aborts the process, and in a unified one it costs the same.
        lib.llama_memory_seq_cp(self._memory, source, target, -1, -1)
        if self._head:
            self._head.fork(source, target, end)
        return self.cut(target, end, state)

    def checkpoint(self, seq: int) -> bytes:
        """The recurrent state of a hybrid model's sequence as it is now; waits for the decode in flight."""
        self._own(seq)
        room = lib.llama_state_seq_get_size_ext(self._context, seq, _PARTIAL)
        memory = (ctypes.c_uint8 * room)()
        size = lib.llama_state_seq_get_data_ext(self._context, memory, room, seq, _PARTIAL)
        return ctypes.string_at(memory, size)

    def close(self) -> None:
        self._loaded.close()
