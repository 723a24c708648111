"""program/gguf_reader.py: the texts that are asked for, from the beginning of a file alone. More in test_gguf.py."""

import io
import struct

import pytest

from program.gguf_reader import GgufError, read_strings
from tests.program.test_gguf import ARRAY, TEXT, U32, gguf_file, pair, text

LISTED = struct.pack("<IQ", TEXT, 2) + text("a") + text("b")
FILE = gguf_file([pair("n", U32, struct.pack("<I", 7)), pair("one", TEXT, text("x")), pair("many", ARRAY, LISTED)])


def found(content: bytes, *keys: str) -> dict[str, tuple[str, ...]]:
    return read_strings(io.BytesIO(content), len(content), frozenset(keys))


def test_texts_and_arrays_of_texts_are_read() -> None:
    assert found(FILE, "one", "many") == {"one": ("x",), "many": ("a", "b")}


def test_what_follows_the_last_of_them_need_not_be_there() -> None:
    beginning = FILE[: FILE.index(b"many") - 8]
    assert found(beginning, "one") == {"one": ("x",)}
    with pytest.raises(GgufError):
        found(beginning, "one", "many")


def test_one_that_is_missing_is_named() -> None:
    with pytest.raises(GgufError, match="the file has no other"):
        found(FILE, "one", "other")


@pytest.mark.parametrize(
    "value",
    [
        pair("k", U32, bytes(4)),
        pair("k", ARRAY, struct.pack("<IQ", U32, 0)),
        pair("k", ARRAY, struct.pack("<IQ", TEXT, 2**40)),
    ],
    ids=["a number", "numbers", "endless"],
)
def test_what_is_no_text_is_refused(value: bytes) -> None:
    with pytest.raises(GgufError):
        found(gguf_file([value]) + bytes(64), "k")
