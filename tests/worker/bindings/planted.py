"""A real build of llama.cpp with a fault planted in its code, as a compiler may leave one."""

import ctypes
import os
import platform
import shutil
from pathlib import Path

import llama_cpp
import pytest

CRASH, NOTHING = b"\x0f\x0b", b"\xc3"  # x86: an instruction that is none (SIGILL), and a return
MANY_ROWS = ("ggml_gemm_q4_0_8x8_q8_0", "ggml_gemm_q4_K_8x8_q8_K")  # products of 4 and more rows with rewritten weights
ANY_ROW = ("ggml_vec_dot_q8_0_q8_0",)


def planted(folder: Path, functions: tuple[str, ...], code: bytes) -> Path:
    """A copy of the installed libraries in which these functions begin with `code`; for LLAMA_CPP_LIB_PATH."""
    if platform.machine() != "x86_64":
        pytest.skip("the planted faults are code for x86-64")
    installed = Path(os.environ.get("LLAMA_CPP_LIB_PATH") or Path(llama_cpp.__file__).parent / "lib")
    shutil.copytree(installed, folder)
    library = installed / "libggml-cpu.so"
    loaded = ctypes.CDLL(str(library))
    for copy in folder.glob("libggml-cpu.so*"):
        data = bytearray(copy.read_bytes())
        for name in functions:
            address = ctypes.cast(getattr(loaded, name), ctypes.c_void_p).value
            place = _offset(library, address or 0)
            data[place : place + len(code)] = code
        copy.write_bytes(data)
    return folder


def _offset(library: Path, address: int) -> int:
    """Where in the file the code at this address of our own process comes from."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, _, offset, _, _, *path = line.split(maxsplit=5)
        start, end = (int(part, 16) for part in span.split("-"))
        if start <= address < end:
            assert path and Path(path[0]).resolve().name.startswith(library.name)
            return address - start + int(offset, 16)
    raise AssertionError(f"{address:x} is not mapped")
