"""An answer with files in it: pieces in order, and as long as it is sent."""

from base64 import b64encode
from dataclasses import replace

from coordinator.artefact import Artefact
from coordinator.filled import Filled, Places


def artefact(size: int) -> Artefact:
    return Artefact("a" * 22, "0" * 64, "image/png", size, 0, 1)


def test_pieces_and_size() -> None:
    one, two = artefact(4), artefact(3)
    filled = Filled(b"[,]", ((1, one), (2, two)))
    assert list(filled.pieces()) == [b"[", one, b",", two, b"]"]
    assert filled.size_bytes == 3 + len(b64encode(bytes(4))) + len(b64encode(bytes(3)))
    assert list(Filled(b"x").pieces()) == [b"x"]


def test_a_file_stands_wherever_its_place_does() -> None:
    places = Places("mark:")
    first, second = artefact(4), replace(artefact(3), id="b" * 22)
    text = f"[{places.of(first)},{places.of(second)},{places.of(first)}]".encode()
    assert list(places.filled(text).pieces()) == [b"[", first, b",", second, b",", first, b"]"]


def test_what_only_looks_like_a_place_is_text() -> None:
    places = Places("mark:")
    places.of(artefact(4))
    for text in (b"mark:" + b"c" * 22, b"mark:", b"a" * 22):
        assert places.filled(text) == Filled(text)
