"""An answer with files in it: pieces in order, and as long as it is sent."""

from base64 import b64encode

from coordinator.artefact import Artefact
from coordinator.filled import Filled


def artefact(size: int) -> Artefact:
    return Artefact("a" * 22, "0" * 64, "image/png", size, 0, 1)


def test_pieces_and_size() -> None:
    one, two = artefact(4), artefact(3)
    filled = Filled(b"[,]", ((1, one), (2, two)))
    assert list(filled.pieces()) == [b"[", one, b",", two, b"]"]
    assert filled.size_bytes == 3 + len(b64encode(bytes(4))) + len(b64encode(bytes(3)))
    assert list(Filled(b"x").pieces()) == [b"x"]
