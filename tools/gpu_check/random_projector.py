"""Writes the projector of a random model, random too: what an encode takes depends on shapes and types alone.

Names of keys and tensors as libmtmd reads them (tools/mtmd/clip.cpp, models/qwen3vl.cpp). Weights are F16, from a pool.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tools.gpu_check.random_model import ALIGNMENT, ARRAY, BOOL, FLOAT32, STRING, UINT32, pair, text

PATCH, SIDE = 16, 48  # pixels a side of a patch, and patches a side of the positions that were learned
F32, F16 = 0, 1  # ggml_type
POOL = 1 << 22  # numbers


@dataclass(frozen=True)
class EyesShape:
    layers: int
    width: int
    inner: int
    heads: int
    into: int  # the model's width


QWEN36_35B_A3B_EYES = EyesShape(27, 1152, 4304, 16, 2048)
TINY_EYES = EyesShape(2, 32, 64, 2, 128)


def tensors(shape: EyesShape) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes, innermost first."""
    width, inner = shape.width, shape.inner
    yield from ((f"v.patch_embd.weight{end}", (PATCH, PATCH, 3, width)) for end in ("", ".1"))
    yield "v.patch_embd.bias", (width,)
    yield "v.position_embd.weight", (width, SIDE * SIDE)
    for layer in range(shape.layers):
        for name, inside, outside in (
            ("attn_qkv", width, 3 * width),
            ("attn_out", width, width),
            ("ffn_up", width, inner),
            ("ffn_down", inner, width),
        ):
            yield f"v.blk.{layer}.{name}.weight", (inside, outside)
            yield f"v.blk.{layer}.{name}.bias", (outside,)
        yield from (
            (f"v.blk.{layer}.{norm}.{part}", (width,)) for norm in ("ln1", "ln2") for part in ("weight", "bias")
        )
    yield from ((f"v.post_ln.{part}", (width,)) for part in ("weight", "bias"))
    for name, outside in (("mm.0", 4 * width), ("mm.2", shape.into)):
        yield f"{name}.weight", (4 * width, outside)
        yield f"{name}.bias", (outside,)


def kind(name: str, dims: tuple[int, ...]) -> int:
    """The positions that were learned are stretched over other sizes, in F32."""
    return F32 if len(dims) == 1 or name.startswith("v.position") else F16


def metadata(shape: EyesShape) -> list[bytes]:
    """Every key and value, encoded."""
    numbers = {
        "projection_dim": shape.into,
        "image_size": SIDE * PATCH,
        "patch_size": PATCH,
        "embedding_length": shape.width,
        "feed_forward_length": shape.inner,
        "block_count": shape.layers,
        "attention.head_count": shape.heads,
        "spatial_merge_size": 2,
    }
    halves = struct.pack("<IQ3f", FLOAT32, 3, 0.5, 0.5, 0.5)
    return [
        pair("general.architecture", STRING, text("clip")),
        pair("general.type", STRING, text("mmproj")),
        pair("clip.has_vision_encoder", BOOL, b"\1"),
        pair("clip.projector_type", STRING, text("qwen3vl_merger")),
        pair("clip.use_gelu", BOOL, b"\1"),
        *(pair(f"clip.vision.{key}", UINT32, struct.pack("<I", value)) for key, value in numbers.items()),
        pair("clip.vision.attention.layer_norm_epsilon", FLOAT32, struct.pack("<f", 1e-6)),
        pair("clip.vision.image_mean", ARRAY, halves),
        pair("clip.vision.image_std", ARRAY, halves),
        pair("clip.vision.is_deepstack_layers", ARRAY, struct.pack("<IQ", BOOL, shape.layers) + bytes(shape.layers)),
    ]


def write(path: Path, shape: EyesShape, seed: int = 0) -> int:
    """Write the projector and return its size in bytes. The same arguments give the same bytes."""
    every, pairs = list(tensors(shape)), metadata(shape)
    offset, infos = 0, []
    for name, dims in every:
        infos.append(text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind(name, dims), offset))
        offset += -(-int(np.prod(dims)) * (4 if kind(name, dims) == F32 else 2) // ALIGNMENT) * ALIGNMENT
    pool = np.random.default_rng(seed).standard_normal(POOL).astype(np.float32)
    with path.open("wb") as out:
        out.write(struct.pack("<4sIQQ", b"GGUF", 3, len(every), len(pairs)))
        out.writelines(pairs)
        out.writelines(infos)
        out.write(bytes(-out.tell() % ALIGNMENT))
        for name, dims in every:
            count = int(np.prod(dims))
            scale = 1.0 if len(dims) == 1 else 1 / np.sqrt(count / dims[-1])
            drawn = (pool * scale).astype("<f4" if kind(name, dims) == F32 else "<f2")
            for start in range(0, count, POOL):
                out.write(drawn[: min(POOL, count - start)].data)
            out.write(bytes(-out.tell() % ALIGNMENT))
        return out.tell()
