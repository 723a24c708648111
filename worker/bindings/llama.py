"""llama.cpp as the engine needs it: a model with its context.

With its neighbours `backend` and `vocab` the only importer of llama_cpp, and of its low-level API alone. Several
misuses abort the whole process inside llama.cpp (too many rows or outputs, a partial copy between separate caches),
where ctypes cannot catch anything; each is refused here in Python first. Nothing in this file is thread-safe.
"""

import ctypes
import os
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import llama_cpp.llama_cpp as lib
import numpy as np
from numpy.typing import NDArray

from worker.bindings.backend import chosen_devices, ggml, log, refused, start_backend, supports_gpu_offload
from worker.bindings.picture_batch import Patch, PictureBatch
from worker.bindings.possible import check
from worker.bindings.vocab import Vocab
from worker.engine.port import EngineSpec

RC_NO_CELLS = 1  # llama_decode: the cache has no room for the batch, nothing was changed
_PARTIAL = 1  # LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY: the recurrent rows, not the attention cells
_KV_TYPES = {"f16": lib.GGML_TYPE_F16, "q8_0": lib.GGML_TYPE_Q8_0}
# Weights in main memory are copied to the GPU for a batch of so many rows (ggml says 32). Of experts a copy takes 17 ms
# a layer of Qwen3.6-35B-A3B at 24 GB/s, and 32 rows on the CPU half of that: about 128 rows is where it pays.
_COPY_EXPERTS_FROM_ROWS = "128"
_COPIES_FROM, _COPIES_FROM_BY_ITSELF = "GGML_OP_OFFLOAD_MIN_BATCH", "32"


class Feed(NamedTuple):
    """Consecutive tokens of one sequence from position `start` on; the last `draws` of them yield a row of logits each.

    With a `patch` they are rows of a picture at this position; `tokens` has their keys then, and none of them draws.
    """

    seq: int
    start: int
    tokens: Sequence[int]
    draws: int
    patch: Patch | None = None


class _Override(ctypes.Structure):
    """llama_model_tensor_buft_override of llama.h, which the bindings leave out."""

    _fields_ = (("pattern", ctypes.c_char_p), ("buft", ctypes.c_void_p))


def _overrides(layers: int) -> Any:
    """Keep the routed experts of the first `layers` layers on the CPU (common.h: LLM_FFN_EXPS_REGEX).

    There is always one, if only for a tensor that no model has: with none, llama.cpp keeps the inputs of a graph, the
    mask above all, four times on each of several GPUs, to overlap decodes, of which we never have two in flight
    (llama-context.cpp, pipeline_parallel; on two Vulkan devices 10.3 MiB of compute buffer on each instead of 3.6).
    """
    cpu = ggml("ggml_backend_cpu_buffer_type", ctypes.c_void_p)()
    patterns = [rf"blk\.{i}\.ffn_(up|down|gate|gate_up)_(ch|)exps".encode() for i in range(layers)] or [b"^none$"]
    return (_Override * (len(patterns) + 1))(*(_Override(pattern, cpu) for pattern in patterns), _Override(None, None))


class _Loaded:
    """A llama.cpp model and context, with the memory that they point into."""

    def __init__(self, spec: EngineSpec, on_progress: Callable[[float], bool]) -> None:
        if spec.cpu_expert_layers:  # ggml reads it when it lists its devices
            os.environ.setdefault(_COPIES_FROM, _COPY_EXPERTS_FROM_ROWS)
        start_backend()
        check(spec)
        log.recent.clear()
        params = lib.llama_model_default_params()
        params.n_gpu_layers = spec.gpu_layers
        params.use_extra_bufts = spec.repacked
        self._progress = lib.llama_progress_callback(lambda fraction, _data: on_progress(fraction))
        params.progress_callback = self._progress
        if spec.gpu_layers or spec.cpu_expert_layers:
            self._overrides = _overrides(spec.cpu_expert_layers)
            params.tensor_buft_overrides = ctypes.addressof(self._overrides)
        if spec.cpu_expert_layers or spec.gpu_layers > 0:
            # What is copied to the GPU again and again belongs into pinned memory, which a mapped file never is: from
            # there a copy takes three times as long.
            params.load_mode = lib.LLAMA_LOAD_MODE_NONE
        if spec.split:
            self._split = (ctypes.c_float * lib.llama_max_devices())(*spec.split)
            params.tensor_split = ctypes.cast(self._split, ctypes.POINTER(ctypes.c_float))
        self._devices = chosen_devices(spec.devices)  # never left to llama.cpp: without a GPU it takes the CPU
        params.devices = ctypes.addressof(self._devices)
        self.model = lib.llama_model_load_from_file(spec.path.encode(), params)
        if not self.model:
            raise refused(f"cannot load {os.path.basename(spec.path)}")
        self.context = lib.llama_init_from_model(self.model, self._context_params(spec))
        if not self.context:
            lib.llama_model_free(self.model)
            raise refused(f"no context of {spec.slots} x {spec.context} tokens for {os.path.basename(spec.path)}")

    def _context_params(self, spec: EngineSpec) -> Any:
        params = lib.llama_context_default_params()
        sequences = spec.slots + spec.anchors
        params.n_ctx = spec.context * (spec.slots if spec.unified else sequences)
        params.n_seq_max = sequences
        params.kv_unified = spec.unified
        params.n_batch = params.n_ubatch = spec.batch
        # Left at 0 it is n_batch: 485 MiB of compute buffer in place of 34 at 248k tokens of vocabulary.
        # Below n_seq_max the context aborts while it is made (output_reserve).
        params.n_outputs_max = sequences + spec.draft_rows
        params.n_rs_seq = spec.rollback
        params.n_threads = params.n_threads_batch = spec.threads
        params.flash_attn_type = int(spec.flash_attention)
        params.type_k = params.type_v = _KV_TYPES[spec.kv_type]
        params.no_perf = True
        return params

    def close(self) -> None:
        lib.llama_free(self.context)
        lib.llama_model_free(self.model)


class Model:
    """A loaded model and its cache of `sequences` token sequences. One thread at a time.

    `on_progress` gets fractions of the load and returns False to give up.
    Raises SupernetError(MODEL_NOT_LOADED) that names what does not fit.
    """

    def __init__(self, spec: EngineSpec, on_progress: Callable[[float], bool] = lambda _: True) -> None:
        self._loaded = _Loaded(spec, on_progress)
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
        self.copies_from = int(os.environ.get(_COPIES_FROM, _COPIES_FROM_BY_ITSELF)) if some else 0
        self._most_rows, self._most_outputs = spec.batch, spec.slots + spec.anchors + spec.draft_rows
        self.rollback = int(lib.llama_n_rs_seq(self._context))  # tokens that a hybrid model's state can go back
        self._rolled: set[int] = set()  # sequences whose state has gone back, and has not been computed from since
        self._outputs = 0
        self.inside_s = 0.0  # seconds that llama_decode and llama_synchronize have taken, for all decodes
        self._make_batch(spec.batch)
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

    def _make_batch(self, rows: int) -> None:
        """One llama_batch over numpy memory: 64 rows are filled in 3 us instead of 50 through ctypes."""
        self._token, self._pos = np.zeros(rows, np.int32), np.zeros(rows, np.int32)
        self._seq, self._wanted = np.zeros(rows, np.int32), np.zeros(rows, np.int8)
        self._counts = np.ones(rows, np.int32)
        self._seq_of = self._seq.ctypes.data + np.arange(rows, dtype=np.uintp) * self._seq.itemsize
        as_int = ctypes.POINTER(ctypes.c_int32)
        self._batch = lib.llama_batch(
            n_tokens=0,
            token=self._token.ctypes.data_as(as_int),
            embd=None,
            pos=self._pos.ctypes.data_as(as_int),
            n_seq_id=self._counts.ctypes.data_as(as_int),
            seq_id=self._seq_of.ctypes.data_as(ctypes.POINTER(as_int)),
            logits=self._wanted.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)),
        )

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
        code = int(lib.llama_decode(self._context, batch))
        self.inside_s += time.perf_counter() - began
        return code

    def _fill(self, feeds: Sequence[Feed]) -> Any:
        end = 0
        for feed in feeds:
            self._own(feed.seq)
            if feed.patch:
                raise ValueError("a picture in a decode of tokens")
            begin, end = end, end + len(feed.tokens)
            self._token[begin:end] = feed.tokens
            self._pos[begin:end] = np.arange(feed.start, feed.start + end - begin)
            self._seq[begin:end] = feed.seq
            self._wanted[begin:end] = 0
            self._wanted[end - feed.draws : end] = 1
        self._batch.n_tokens = end
        return self._batch

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
        return np.ctypeslib.as_array(lib.llama_get_logits(self._context), (self._outputs, self.vocab.size))

    # ---- memory of sequences -----------------------------------------------------------------------------------

    def _own(self, seq: int) -> None:
        if not 0 <= seq < self.sequences:
            raise ValueError(f"sequence {seq} of {self.sequences}")

    def clear(self, seq: int) -> None:
        self._own(seq)
        self._rolled.discard(seq)
        lib.llama_memory_seq_rm(self._memory, seq, -1, -1)

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
        if state is not None:
            memory = (ctypes.c_uint8 * len(state)).from_buffer_copy(state)
            if lib.llama_state_seq_set_data_ext(self._context, memory, len(state), seq, _PARTIAL) != len(state):
                return False
            self._rolled.discard(seq)
        elif self.hybrid and end < self.length(seq):
            self._rolled.add(seq)
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
