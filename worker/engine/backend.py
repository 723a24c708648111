"""llama.cpp as a library: started once, its log heard, its devices listed. Nothing here needs a model."""

import ctypes
import functools
import sys
from collections import deque
from collections.abc import Sequence
from typing import Any

import llama_cpp.llama_cpp as lib

from wire.errors import ErrorCode, SupernetError

_WARN, _CONTINUED = 3, 5  # ggml_log_level
_EXPECTED = (  # no news: the first two are answered by evicting a prefix, the last are heads that we do not load
    "failed to find a memory slot",
    "failed to prepare attention ubatches",
    "model has unused tensor",
    "control-looking token",  # see vocab._TEXT
)


class Log:
    """llama.cpp's log: warnings go to stderr, and the last few are kept for error messages. `tap`, if it is a list,
    gets every line: the check of a GPU reads there what was put on it."""

    def __init__(self) -> None:
        self.recent: deque[str] = deque(maxlen=4)
        self.tap: list[str] | None = None
        self._level = 0
        self.callback = lib.llama_log_callback(self._hear)

    def _hear(self, level: int, text: bytes, _data: object) -> None:
        self._level = self._level if level == _CONTINUED else level
        line = text.decode("utf-8", "replace")
        if self.tap is not None:
            self.tap.append(line)
        if self._level >= _WARN and not any(known in line for known in _EXPECTED):
            self.recent.append(line.strip())
            sys.stderr.write(line)


log = Log()


@functools.cache
def start_backend() -> None:
    lib.llama_log_set(log.callback, ctypes.c_void_p(0))
    lib.llama_backend_init()


def system_info() -> str:
    """The CPU and GPU features that this build of llama.cpp uses."""
    start_backend()
    return str(lib.llama_print_system_info(), "utf-8")


def supports_gpu_offload() -> bool:
    start_backend()
    return bool(lib.llama_supports_gpu_offload())


def refused(what: str) -> SupernetError:
    reasons = "; ".join(log.recent)
    return SupernetError(ErrorCode.MODEL_NOT_LOADED, f"{what}: {reasons}" if reasons else what)


def ggml(name: str, result: Any, *arguments: Any) -> Any:
    """A ggml function that the bindings leave out; the loader finds it through libllama's own dependencies."""
    function = getattr(lib._lib, name)
    function.restype, function.argtypes = result, list(arguments)
    return function


def chosen_devices(indices: Sequence[int]) -> Any:
    """A NULL-ended array of the GPUs with these indices, counted in ggml's order."""
    kind = ggml("ggml_backend_dev_type", ctypes.c_int, ctypes.c_void_p)
    get = ggml("ggml_backend_dev_get", ctypes.c_void_p, ctypes.c_size_t)
    every = [get(i) for i in range(ggml("ggml_backend_dev_count", ctypes.c_size_t)())]
    gpus = [device for device in every if kind(device) == 1]  # GGML_BACKEND_DEVICE_TYPE_GPU
    missing = [i for i in indices if not 0 <= i < len(gpus)]
    if missing:
        raise refused(f"GPU {missing[0]} was asked for, but llama.cpp sees {len(gpus)}")
    return (ctypes.c_void_p * (len(indices) + 1))(*(gpus[i] for i in indices), None)
