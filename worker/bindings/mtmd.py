"""libmtmd: a picture becomes the vectors that a model reads in place of tokens. The only importer of mtmd_cpp.

Only pixels go in. libmtmd can read files too (JPEG, GIF, PSD, audio), by parsers that nobody should hand a stranger's
bytes to in a process that holds other people's answers; none of that is called here.
"""

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import llama_cpp.llama_cpp as lib
import llama_cpp.mtmd_cpp as mtmd
import numpy as np

from worker.bindings.backend import chosen_devices, ggml, log, refused
from worker.bindings.encoder import Encoded, Stopped, failed
from worker.bindings.llama import Model
from worker.engine.port import EngineSpec

MOST_TOKENS = 4000  # of a picture: its pixels go in one line to the engine, and those of 4,096 do not fit
_IMAGE = 1  # MTMD_INPUT_CHUNK_TYPE_IMAGE
_LAYER = b"layer_out-"  # name of what a layer of the encoder gives to the next


class Projector:
    """The eyes of a loaded model: its encoder of pictures, with memory of its own. One thread at a time, which may be
    another one than the model's: both compute side by side, and neither changes a number of the other's.

    Raises SupernetError(MODEL_NOT_LOADED) for a file that has no eyes, or those of another model.
    """

    def __init__(self, model: Model, spec: EngineSpec) -> None:
        assert spec.projector
        name = os.path.basename(spec.projector)
        self._layer_name = ggml("ggml_get_name", ctypes.c_char_p, ctypes.c_void_p)
        self._go_on: Callable[[], bool] = lambda: True
        self._stopped = False
        self._width = model.width
        if not 1 <= spec.image_tokens <= MOST_TOKENS:
            raise refused(f"image_tokens must be 1 to {MOST_TOKENS}")
        log.recent.clear()
        mtmd.mtmd_helper_log_set(log.callback, ctypes.c_void_p(0))
        if not mtmd.mtmd_get_cap_from_file(spec.projector.encode()).inp_vision:
            raise refused(f"{name} is no projector for pictures")
        self._params = self._context_params(spec)
        self._context = mtmd.mtmd_init_from_file(spec.projector.encode(), model.handle, self._params)
        if not self._context:
            raise refused(f"cannot load the projector {name} for this model")
        if not mtmd.mtmd_decode_use_mrope(self._context) or mtmd.mtmd_decode_use_non_causal(self._context, None):
            self.close()
            raise refused(f"{name} wants its pictures read in another way than Qwen's")

    def _context_params(self, spec: EngineSpec) -> Any:
        params = mtmd.mtmd_context_params_default()
        self._devices = chosen_devices(spec.devices[-1:])  # where the last layers are, and the output
        params.use_gpu = bool(spec.gpu_layers)
        params.device = self._devices[0]
        params.n_threads = spec.threads
        params.print_timings = False
        # Wherever the device has it, whatever the model itself does: without it the scores of a picture take memory by
        # the square of its size, 1 GB at 1,024 tokens, and on a CPU the encode took five times as long.
        params.flash_attn_type = lib.LLAMA_FLASH_ATTN_TYPE_AUTO
        params.image_max_tokens = spec.image_tokens
        self._callback = lib.ggml_backend_sched_eval_callback(self._between_layers)
        params.cb_eval = self._callback
        return params

    def encode(self, width: int, height: int, rgb: bytes, go_on: Callable[[], bool]) -> Encoded:
        """As `Encoder.encode` promises."""
        if width < 1 or height < 1 or len(rgb) != 3 * width * height:  # libmtmd would read past its end
            raise failed(f"{len(rgb)} bytes for {width} x {height} pixels")
        self._go_on, self._stopped = go_on, False
        with self._prepared(width, height, rgb) as chunk:
            count = mtmd.mtmd_input_chunk_get_n_tokens(chunk)
            columns = mtmd.mtmd_image_tokens_get_nx(mtmd.mtmd_input_chunk_get_tokens_image(chunk))
            code = mtmd.mtmd_encode_chunk(self._context, chunk)
            if self._stopped:  # it says 0 all the same, and what it gives is half a picture
                raise Stopped
            if code:
                raise failed(f"code {code}")
            found = np.ctypeslib.as_array(mtmd.mtmd_get_output_embd(self._context), (count, self._width)).copy()
        if not np.isfinite(found).all():
            raise failed("its vectors are no numbers")
        return Encoded(found, columns)

    @contextmanager
    def _prepared(self, width: int, height: int, rgb: bytes) -> Iterator[Any]:
        """libmtmd's chunk of the picture, cut into patches; a picture of 1,024 x 1,024 takes 12 MB here."""
        pixels = (ctypes.c_uint8 * len(rgb)).from_buffer_copy(rgb)
        bitmap = mtmd.mtmd_bitmap_init(width, height, pixels)
        chunks = mtmd.mtmd_input_chunks_init()
        try:
            # Not mtmd_tokenize: that looks for a marker in text, which anybody can type.
            part = mtmd.mtmd_input_part(text=None, bitmap=bitmap)
            parts = (ctypes.POINTER(mtmd.mtmd_input_part) * 1)(ctypes.pointer(part))
            code = mtmd.mtmd_tokenize_from_parts(self._context, chunks, parts, 1, False)
            if code:
                raise failed(f"it cannot be cut into patches (code {code})")
            every = (mtmd.mtmd_input_chunks_get(chunks, i) for i in range(mtmd.mtmd_input_chunks_size(chunks)))
            yield next(chunk for chunk in every if mtmd.mtmd_input_chunk_get_type(chunk) == _IMAGE)
        finally:
            mtmd.mtmd_input_chunks_free(chunks)
            mtmd.mtmd_bitmap_free(bitmap)

    def _between_layers(self, tensor: int, ask: bool, _data: object) -> bool:
        """Called for every node of the graph: first whether to stop behind it, then, if so, whether to go on."""
        if ask:
            return bool(self._layer_name(tensor).startswith(_LAYER))
        self._stopped = self._stopped or not self._go_on()
        return not self._stopped

    def close(self) -> None:
        """To be called before the model is closed."""
        mtmd.mtmd_free(self._context)
