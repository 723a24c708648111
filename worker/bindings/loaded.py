"""Loading a GGUF file with llama.cpp: onto which devices, and with a context of which size."""

import ctypes
import os
from collections.abc import Callable
from typing import Any

import llama_cpp.llama_cpp as lib

from worker.bindings.backend import chosen_devices, ggml, log, refused, start_backend
from worker.bindings.possible import check
from worker.engine.port import EngineSpec

_KV_TYPES = {"f16": lib.GGML_TYPE_F16, "q8_0": lib.GGML_TYPE_Q8_0}
# Weights in main memory are copied to the GPU for a batch of so many rows (ggml says 32). Of experts a copy takes 17 ms
# a layer of Qwen3.6-35B-A3B at 24 GB/s, and 32 rows on the CPU half of that: about 128 rows is where it pays.
_COPY_EXPERTS_FROM_ROWS = "128"
COPIES_FROM, COPIES_FROM_BY_ITSELF = "GGML_OP_OFFLOAD_MIN_BATCH", "32"


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


class Loaded:
    """A llama.cpp model and context, with the memory that they point into. `head`: the context of the layer that
    guesses, if that is to be loaded."""

    def __init__(self, spec: EngineSpec, on_progress: Callable[[float], bool]) -> None:
        if spec.cpu_expert_layers:  # ggml reads it when it lists its devices
            os.environ.setdefault(COPIES_FROM, _COPY_EXPERTS_FROM_ROWS)
        start_backend()
        check(spec)
        log.recent.clear()
        params = lib.llama_model_default_params()
        params.n_gpu_layers = spec.gpu_layers
        params.use_extra_bufts = spec.repacked
        params.load_mtp = spec.head
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
        self.head = self._head(spec) if self.context and spec.head else None
        if not self.context or bool(self.head) != spec.head:
            self.close()
            what = "context, or none of its prediction head," if spec.head else "context"
            raise refused(f"no {what} of {spec.slots} x {spec.context} tokens for {os.path.basename(spec.path)}")

    def _head(self, spec: EngineSpec) -> Any:
        """A second context, of the layer that guesses: with as many sequences and tokens, of which none goes back."""
        if not lib.llama_model_n_layer_nextn(self.model):
            return None
        params = self._context_params(spec)
        params.ctx_type = lib.LLAMA_CONTEXT_TYPE_MTP
        params.n_outputs_max = spec.slots + spec.anchors
        params.n_rs_seq = 0
        return lib.llama_init_from_model(self.model, params)

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
        for context in (self.head, self.context):
            if context:
                lib.llama_free(context)
        lib.llama_model_free(self.model)
