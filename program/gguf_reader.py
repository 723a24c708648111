"""The values of a GGUF file one after the other: where its header is read, and nothing is believed.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (little endian, versions 2 and 3). The file comes from
a stranger, so every count and length is checked. Long arrays (the vocabulary) are walked over, not kept, unless
`read_strings` asks for them.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

MAGIC = b"GGUF"
MAX_HEADER = 512 * 1024**2  # bytes; a vocabulary of 248,320 tokens takes 11 MB
MAX_PAIRS = 65_536
MAX_TENSORS = 65_536
MAX_NAME = 65_535  # bytes of a key or a tensor name
MAX_TEXT = 64 * 1024**2  # bytes of one string value
MAX_ITEMS = 16 * 1024**2  # items of one array: 60 times the largest vocabulary in use
MAX_KEPT = 4096  # longer arrays are not kept

Scalar = int | float | bool | str
Value = Scalar | tuple[int | float | bool, ...]

_STRING, _ARRAY = 8, 9
_FIXED = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


class GgufError(ValueError):
    """The file is not a GGUF model that can be read; the text says what is wrong with it."""


class TruncatedError(GgufError):
    """The file ends inside its header. Where only the beginning was fetched, more of it may be all that is missing."""

    def __init__(self) -> None:
        super().__init__("the file ends inside its header: it is cut short or damaged")


def read_strings(stream: BinaryIO, file_bytes: int, keys: frozenset[str]) -> dict[str, tuple[str, ...]]:
    """Return the texts under `keys`, of which each must be there: the items of an array of texts, or one text alone.

    What follows the last of them is not read, so the beginning of a file is enough, without its tensors. Raises
    GgufError.
    """
    reader = Reader(stream, file_bytes)
    _, pairs = begin(reader)
    found: dict[str, tuple[str, ...]] = {}
    for key in pairs:
        if key in keys:
            found[key] = _read_texts(reader, key)
        else:
            read_pair(reader, key, {}, {})
        if len(found) == len(keys):
            return found
    raise GgufError(f"the file has no {', '.join(sorted(keys - found.keys()))}")


def begin(reader: "Reader") -> tuple[int, Iterator[str]]:
    """Return the number of tensors, and the keys as they come: each value must be read before the next key."""
    if reader.take(4) != MAGIC:
        raise GgufError("not a GGUF file: it does not start with GGUF")
    version = reader.number("I")
    if version not in (2, 3):
        hint = "; it is big endian" if version & 0xFFFF == 0 else ""
        raise GgufError(f"GGUF version {version} is not supported, only 2 and 3{hint}")
    tensor_count, pair_count = reader.number("Q"), reader.number("Q")
    if tensor_count > MAX_TENSORS or pair_count > MAX_PAIRS:
        raise GgufError(f"{tensor_count} tensors and {pair_count} keys cannot be right")
    return tensor_count, (reader.string(MAX_NAME) for _ in range(pair_count))


def read_pair(reader: "Reader", key: str, metadata: dict[str, Value], lengths: dict[str, int]) -> None:
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


def _read_texts(reader: "Reader", key: str) -> tuple[str, ...]:
    kind = reader.number("I")
    if kind == _STRING:
        return (reader.string(MAX_TEXT),)
    item, count = reader.number("I"), reader.number("Q")
    if kind != _ARRAY or item != _STRING or count > MAX_ITEMS:
        raise GgufError(f"{key} is not an array of texts")
    return tuple(reader.string(MAX_NAME) for _ in range(count))


class Reader:
    """Reads values one after the other, and never more bytes than the file or a header may have."""

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
        """Pass over an array of strings. A vocabulary has 150,000 of them: the loop is kept tight."""
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
