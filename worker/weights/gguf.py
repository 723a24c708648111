"""What a GGUF file says about itself: sizes and shape of the model, read without loading it.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (little endian, versions 2 and 3). The file comes from
a stranger, so every count and length is checked before it is believed. Long arrays (the vocabulary) are walked over,
not kept; only their length stays.
"""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import BinaryIO

MAGIC = b"GGUF"
MAX_HEADER = 512 * 1024**2  # bytes; a vocabulary of 248,320 tokens takes 11 MB
MAX_PAIRS = 65_536
MAX_TENSORS = 65_536
MAX_NAME = 65_535  # bytes of a key or a tensor name
MAX_TEXT = 64 * 1024**2  # bytes of one string value
MAX_ITEMS = 16 * 1024**2  # items of one array: 60 times the largest vocabulary in use
MAX_KEPT = 4096  # longer arrays are not kept
MAX_DIMS = 4  # GGML_MAX_DIMS

Scalar = int | float | bool | str
Value = Scalar | tuple[int | float | bool, ...]

_STRING, _ARRAY = 8, 9
_FIXED = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}

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


class GgufError(ValueError):
    """The file is not a GGUF model that can be read; the text says what is wrong with it."""


class TruncatedError(GgufError):
    """What is here ends inside the header; more of the file may be all that is missing."""

    def __init__(self) -> None:
        super().__init__("the file ends inside its header: it is cut short or damaged")


@dataclass(frozen=True)
class Tensor:
    name: str
    type: int
    shape: tuple[int, ...]  # innermost first, as in the file
    bytes: int

    @property
    def layer(self) -> int | None:
        """Number of the block that it belongs to; None: embedding, output, norm."""
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
        """A whole number of this architecture: `key` without its prefix. Raises GgufError when it must be there."""
        full = f"{self.architecture}.{key}"
        value = self.metadata.get(full, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**40:
            raise GgufError(f"{full} must be a whole number, found {value!r}")
        return value

    def per_layer(self, key: str, layers: int, default: int | None = None) -> tuple[int, ...]:
        """A number of this architecture that may differ from layer to layer."""
        value = self.metadata.get(f"{self.architecture}.{key}")
        if not isinstance(value, tuple):
            return (self.number(key, default),) * layers
        if len(value) < layers or any(not isinstance(item, int) or not 0 <= item < 2**40 for item in value):
            raise GgufError(f"{self.architecture}.{key} must hold {layers} whole numbers")
        return tuple(int(item) for item in value[:layers])


def read(stream: BinaryIO, file_bytes: int) -> Header:
    """The header at the start of `stream`, which belongs to a file of `file_bytes` bytes. Raises GgufError."""
    reader = _Reader(stream, file_bytes)
    if reader.take(4) != MAGIC:
        raise GgufError("not a GGUF file: it does not start with GGUF")
    version = reader.number("I")
    if version not in (2, 3):
        hint = "; it is big endian" if version & 0xFFFF == 0 else ""
        raise GgufError(f"GGUF version {version} is not supported, only 2 and 3{hint}")
    tensor_count, pair_count = reader.number("Q"), reader.number("Q")
    if tensor_count > MAX_TENSORS or pair_count > MAX_PAIRS:
        raise GgufError(f"{tensor_count} tensors and {pair_count} keys cannot be right")
    metadata: dict[str, Value] = {}
    lengths: dict[str, int] = {}
    for _ in range(pair_count):
        key = reader.string(MAX_NAME)
        if key in metadata or key in lengths:
            raise GgufError(f"key {key!r} appears twice")
        _read_pair(reader, key, metadata, lengths)
    return Header(metadata, lengths, _read_tensors(reader, tensor_count, metadata))


def join(headers: Iterable[Header]) -> Header:
    """The parts of a split model as one: metadata of the first (llama.cpp reads it there), tensors of all."""
    parts = tuple(headers)
    expected = parts[0].metadata.get("split.count", 1)
    if expected != len(parts):
        raise GgufError(f"the model is split into {expected} files, but {len(parts)} are here")
    tensors = tuple(tensor for part in parts for tensor in part.tensors)
    if len({tensor.name for tensor in tensors}) != len(tensors):
        raise GgufError("two files of the split model hold the same tensor")
    return Header(parts[0].metadata, parts[0].lengths, tensors)


def _read_pair(reader: "_Reader", key: str, metadata: dict[str, Value], lengths: dict[str, int]) -> None:
    kind = reader.number("I")
    if kind == _STRING:
        metadata[key] = reader.string(MAX_TEXT)
    elif kind in _FIXED:
        metadata[key] = reader.fixed(_FIXED[kind])
    elif kind == _ARRAY:
        item, count = reader.number("I"), reader.number("Q")
        if count > MAX_ITEMS:
            raise GgufError(f"{key} claims {count} items")
        lengths[key] = count
        if item == _STRING:
            reader.skip_strings(count)
        elif item not in _FIXED:
            raise GgufError(f"{key} is an array of type {item}, which no model uses")
        elif count <= MAX_KEPT:
            metadata[key] = reader.array(_FIXED[item], count)
        else:
            reader.take(struct.calcsize(_FIXED[item]) * count)
    else:
        raise GgufError(f"{key} has the unknown type {kind}")


def _read_tensors(reader: "_Reader", count: int, metadata: Mapping[str, Value]) -> tuple[Tensor, ...]:
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


def _read_tensor(reader: "_Reader") -> tuple[Tensor, int]:
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


class _Reader:
    """Bytes in order, never more than the file has."""

    def __init__(self, stream: BinaryIO, file_bytes: int) -> None:
        self.stream = stream
        self.file_bytes = file_bytes
        self.end = min(file_bytes, MAX_HEADER)
        self.position = 0

    def take(self, count: int) -> bytes:
        if count > self.end - self.position:
            raise GgufError("its header is longer than it may be: it is cut short or damaged")
        data = self.stream.read(count)
        if len(data) != count:
            raise TruncatedError
        self.position += count
        return data

    def number(self, code: str) -> int:
        value: int = struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0]
        return value

    def fixed(self, code: str) -> int | float | bool:
        value: int | float | bool = struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0]
        return value

    def array(self, code: str, count: int) -> tuple[int | float | bool, ...]:
        return struct.unpack(f"<{count}{code}", self.take(struct.calcsize("<" + code) * count))

    def string(self, limit: int) -> str:
        length = self.number("Q")
        if length > limit:
            raise GgufError(f"a text of {length} bytes where at most {limit} make sense")
        return self.take(length).decode("utf-8", "replace")

    def skip_strings(self, count: int) -> None:
        """A vocabulary has 150,000 of them: the loop is kept tight."""
        read, unpack, left = self.stream.read, struct.Struct("<Q").unpack, self.end - self.position
        for _ in range(count):
            length_bytes = read(8)
            if len(length_bytes) != 8:
                raise TruncatedError
            length = unpack(length_bytes)[0]
            left -= 8 + length
            if left < 0 or length > MAX_TEXT:
                raise GgufError("its header is longer than it may be: it is cut short or damaged")
            if len(read(length)) != length:
                raise TruncatedError
        self.position = self.end - left
