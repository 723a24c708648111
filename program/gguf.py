"""What a GGUF file says about itself: sizes and shape of the model, read without loading it.

Long arrays (the vocabulary) are not kept; only their length stays. `gguf_reader` reads the values.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from program.gguf_reader import MAX_NAME, GgufError, Reader, TruncatedError, Value, begin, read_pair

__all__ = ["GgufError", "Header", "Tensor", "TruncatedError", "join", "read"]

MAX_DIMS = 4  # GGML_MAX_DIMS

# ggml type -> (elements of a block, bytes of a block): the block structs of ggml-common.h
_BLOCKS = {
    0: (1, 4),  # F32
    1: (1, 2),  # F16
    2: (32, 18),  # Q4_0
    3: (32, 20),  # Q4_1
    6: (32, 22),  # Q5_0
    7: (32, 24),  # Q5_1
    8: (32, 34),  # Q8_0
    9: (32, 40),  # Q8_1
    10: (256, 84),  # Q2_K
    11: (256, 110),  # Q3_K
    12: (256, 144),  # Q4_K
    13: (256, 176),  # Q5_K
    14: (256, 210),  # Q6_K
    15: (256, 292),  # Q8_K
    16: (256, 66),  # IQ2_XXS
    17: (256, 74),  # IQ2_XS
    18: (256, 98),  # IQ3_XXS
    19: (256, 50),  # IQ1_S
    20: (32, 18),  # IQ4_NL
    21: (256, 110),  # IQ3_S
    22: (256, 82),  # IQ2_S
    23: (256, 136),  # IQ4_XS
    24: (1, 1),  # I8
    25: (1, 2),  # I16
    26: (1, 4),  # I32
    27: (1, 8),  # I64
    28: (1, 8),  # F64
    29: (256, 56),  # IQ1_M
    30: (1, 2),  # BF16
    34: (256, 54),  # TQ1_0
    35: (256, 66),  # TQ2_0
    39: (32, 17),  # MXFP4
    40: (64, 36),  # NVFP4
    41: (128, 18),  # Q1_0
    42: (64, 18),  # Q2_0
}


@dataclass(frozen=True)
class Tensor:
    name: str
    type: int
    shape: tuple[int, ...]  # innermost first, as in the file
    bytes: int

    @property
    def layer(self) -> int | None:
        """Return the number of the block that it belongs to; None: embedding, output, norm."""
        parts = self.name.split(".")
        return int(parts[1]) if parts[0] == "blk" and len(parts) > 2 and parts[1].isdecimal() else None


@dataclass(frozen=True)
class Header:
    """Metadata and tensors of one file. `lengths` has the number of items of every array."""

    metadata: Mapping[str, Value]
    lengths: Mapping[str, int]
    tensors: tuple[Tensor, ...]

    @property
    def architecture(self) -> str:
        return self.text("general.architecture")

    def text(self, key: str) -> str:
        value = self.metadata.get(key)
        if not isinstance(value, str):
            raise GgufError(f"the file has no text {key}")
        return value

    def number(self, key: str, default: int | None = None) -> int:
        """Return a whole number of this architecture: `key` without its prefix. Raises GgufError if it is missing and
        has no default."""
        full = f"{self.architecture}.{key}"
        value = self.metadata.get(full, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**40:
            raise GgufError(f"{full} must be a whole number, found {value!r}")
        return value

    def per_layer(self, key: str, layers: int, default: int | None = None) -> tuple[int, ...]:
        """Return a number of this architecture that may differ from layer to layer, for each layer."""
        value = self.metadata.get(f"{self.architecture}.{key}")
        if not isinstance(value, tuple):
            return (self.number(key, default),) * layers
        if len(value) < layers or any(not isinstance(item, int) or not 0 <= item < 2**40 for item in value):
            raise GgufError(f"{self.architecture}.{key} must hold {layers} whole numbers")
        return tuple(int(item) for item in value[:layers])


def read(stream: BinaryIO, file_bytes: int) -> Header:
    """Read the header at the start of `stream`, which belongs to a file of `file_bytes` bytes. Raises GgufError."""
    reader = Reader(stream, file_bytes)
    tensor_count, pairs = begin(reader)
    metadata: dict[str, Value] = {}
    lengths: dict[str, int] = {}
    for key in pairs:
        if key in metadata or key in lengths:
            raise GgufError(f"key {key!r} appears twice")
        read_pair(reader, key, metadata, lengths)
    return Header(metadata, lengths, _read_tensors(reader, tensor_count, metadata))


def join(headers: Iterable[Header]) -> Header:
    """Join the parts of a split model: metadata of the first (llama.cpp reads it there), tensors of all.

    Raises GgufError when parts are missing, or do not belong together.
    """
    parts = tuple(headers)
    expected = parts[0].metadata.get("split.count", 1)
    if expected != len(parts):
        raise GgufError(f"the model is split into {expected} files, but {len(parts)} are here")
    tensors = tuple(tensor for part in parts for tensor in part.tensors)
    if len({tensor.name for tensor in tensors}) != len(tensors):
        raise GgufError("two files of the split model hold the same tensor")
    return Header(parts[0].metadata, parts[0].lengths, tensors)


def _read_tensors(reader: Reader, count: int, metadata: Mapping[str, Value]) -> tuple[Tensor, ...]:
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or alignment < 8 or alignment & (alignment - 1) or alignment > 2**20:
        raise GgufError(f"general.alignment {alignment!r} is not a power of two")
    found: dict[str, tuple[Tensor, int]] = {}
    for _ in range(count):
        tensor, offset = _read_tensor(reader)
        if tensor.name in found:
            raise GgufError(f"tensor {tensor.name!r} appears twice")
        found[tensor.name] = (tensor, offset)
    data_start = -(-reader.position // alignment) * alignment
    for tensor, offset in found.values():
        if offset % alignment or data_start + offset + tensor.bytes > reader.file_bytes:
            raise GgufError(f"tensor {tensor.name!r} lies outside the file: it is cut short or damaged")
    return tuple(tensor for tensor, _ in found.values())


def _read_tensor(reader: Reader) -> tuple[Tensor, int]:
    name = reader.string(MAX_NAME)
    dims = reader.number("I")
    if not 1 <= dims <= MAX_DIMS:
        raise GgufError(f"tensor {name!r} has {dims} dimensions")
    shape = tuple(reader.number("Q") for _ in range(dims))
    kind, offset = reader.number("I"), reader.number("Q")
    if kind not in _BLOCKS:
        raise GgufError(f"tensor {name!r} has type {kind}, which this version does not know")
    elements = 1
    for length in shape:
        elements *= length
    block, size = _BLOCKS[kind]
    if not 0 < elements < 2**48 or shape[0] % block:
        raise GgufError(f"tensor {name!r} has the impossible shape {shape}")
    return Tensor(name, kind, shape, elements // block * size), offset
