"""llama.cpp as a library: started once, its log heard, its devices listed. Nothing here needs a model."""

import ctypes
import functools
import sys
from collections import deque
from collections.abc import Sequence
from typing import Any

import llama_cpp.llama_cpp as lib

from worker.engine.devices import KINDS, Device
from worker.engine.port import NotLoadedError

_WARN, _CONTINUED = 3, 5  # ggml_log_level
_EXPECTED = (  # no news: the first two are answered by evicting a prefix, the third are heads that we do not load
    "failed to find a memory slot",
    "failed to prepare attention ubatches",
    "model has unused tensor",
    "control-looking token",  # see vocab._TEXT
    "non-consecutive token position",  # every slice of a picture: its rows share one
    "on grounding tasks",  # Qwen's boxes are better with 1,024 tokens and more
    "--image-min-tokens",
    "issues/16842",
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
def start_backend() -> tuple[str, ...]:
    """Start the library, once; what it complained of then: that a driver does not answer is said nowhere else."""
    lib.llama_log_set(log.callback, ctypes.c_void_p(0))
    lib.llama_backend_init()
    ggml("ggml_backend_dev_count", ctypes.c_size_t)()  # drivers are started by the first look at the devices
    return tuple(log.recent)


def system_info() -> str:
    """The CPU and GPU features that this build of llama.cpp uses."""
    start_backend()
    return str(lib.llama_print_system_info(), "utf-8")


def supports_gpu_offload() -> bool:
    start_backend()
    return bool(lib.llama_supports_gpu_offload())


def refused(what: str, problem: str = "engine_not_loaded") -> NotLoadedError:
    """The error of a model that was not loaded, with llama.cpp's last warnings; `problem` is a row of issues.py."""
    reasons = "; ".join(log.recent)
    return NotLoadedError(f"{what}: {reasons}" if reasons else what, problem)


def ggml(name: str, result: Any, *arguments: Any) -> Any:
    """A ggml function that the bindings leave out; the loader finds it through libllama's own dependencies."""
    function = getattr(lib._lib, name)
    function.restype, function.argtypes = result, list(arguments)
    return function


class _Props(ctypes.Structure):
    """ggml_backend_dev_props of ggml-backend.h; its last member, a handful of booleans, is only made room for."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("description", ctypes.c_char_p),
        ("memory_free", ctypes.c_size_t),
        ("memory_total", ctypes.c_size_t),
        ("type", ctypes.c_int),
        ("device_id", ctypes.c_char_p),
        ("caps", ctypes.c_bool * 64),
    )


def _handles() -> dict[str, int]:
    """Every device of ggml by its name. Names cost nothing; to ask for more opens a context on the card."""
    start_backend()
    get = ggml("ggml_backend_dev_get", ctypes.c_void_p, ctypes.c_size_t)
    name = ggml("ggml_backend_dev_name", ctypes.c_char_p, ctypes.c_void_p)
    handles = [get(i) for i in range(ggml("ggml_backend_dev_count", ctypes.c_size_t)())]
    return {_text(name(handle)): handle for handle in handles}


def _device(handle: int) -> Device:
    """What ggml knows of a device. On CUDA this takes the card's memory for a context, as long as the process lives."""
    props = _Props()
    ggml("ggml_backend_dev_get_props", None, ctypes.c_void_p, ctypes.POINTER(_Props))(handle, ctypes.byref(props))
    registry = ggml("ggml_backend_dev_backend_reg", ctypes.c_void_p, ctypes.c_void_p)(handle)
    return Device(
        name=_text(props.name),
        backend=_text(ggml("ggml_backend_reg_name", ctypes.c_char_p, ctypes.c_void_p)(registry)),
        description=_text(props.description),
        kind=KINDS[props.type],
        free_bytes=props.memory_free,
        total_bytes=props.memory_total,
        id=_text(props.device_id).lower(),
    )


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")


def devices() -> tuple[Device, ...]:
    """Every device of every backend of this build, the CPU too, in ggml's order."""
    return tuple(_device(handle) for handle in _handles().values())


def chosen_devices(addresses: Sequence[str]) -> Any:
    """A NULL-ended array for llama_model_params.devices: those with these addresses (Device.address), and no other.

    Raises NotLoadedError (gpu_unreachable), with what the driver said, when one of them is not there: llama.cpp by
    itself would go on with whatever is left, and at last with the CPU.
    """
    handles = _handles()
    chosen = []
    for address in addresses:
        name, _, expected = address.partition("@")
        found = _device(handles[name]) if name in handles else None
        if found is None or found.kind not in ("gpu", "igpu"):
            raise _gone(f"llama.cpp finds no GPU {name} now")
        if expected and found.id != expected:
            raise _gone(f"{name} is the GPU at {found.id or 'an unknown address'} now, not the one at {expected}")
        chosen.append(handles[name])
    return (ctypes.c_void_p * (len(chosen) + 1))(*chosen, None)


def _gone(what: str) -> NotLoadedError:
    return NotLoadedError(": ".join((what, *start_backend()[-1:])), "gpu_unreachable")
