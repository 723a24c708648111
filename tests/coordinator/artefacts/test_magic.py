"""The first bytes of each kind."""

from coordinator.artefacts.magic import HEAD_BYTES, begins_as
from tests.coordinator.artefacts.files import m4a, of_every_type


def test_each_file_begins_as_its_type_and_as_no_other() -> None:
    files = of_every_type() | {"audio/mp4": m4a()}  # which is taken, and not stored
    for media_type, data in files.items():
        assert [other for other in files if begins_as(other, data[:HEAD_BYTES])] == [media_type]


def test_other_things_begin_as_none() -> None:
    for data in (b"", b"<html><body>", b"<svg xmlns=", b"%PDF-1.7", b"GIF89a", b"MZ", b"\x7fELF", b"RIFF\0\0\0\0AVI "):
        assert not any(begins_as(media_type, data[:HEAD_BYTES]) for media_type in [*of_every_type(), "text/html"])
