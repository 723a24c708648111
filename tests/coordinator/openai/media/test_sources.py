"""Pictures that something is made from: known by their bytes, never by what the client calls them."""

import pytest

from coordinator.openai.media.sources import read_address, read_file
from tests.coordinator.media_catalog import png, uri
from tools.hostile.pictures.files import plain, saved
from wire.errors import SupernetError


@pytest.mark.parametrize(
    ("format", "media_type"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp")]
)
def test_a_file_is_what_it_begins_as(format: str, media_type: str) -> None:
    file = saved(plain((1, 2, 3)), format)
    assert read_file("image", file).media_type == media_type
    assert read_address("image", uri(file)).media_type == media_type  # the URI says PNG


@pytest.mark.parametrize("file", [b"", b"<svg/>", b"GIF89a" + bytes(9), b"RIFF\0\0\0\0WAVE", b"\x89PN", bytes(64)])
def test_what_is_no_picture_is_refused(file: bytes) -> None:
    with pytest.raises(SupernetError, match="expected a PNG, JPEG or WebP"):
        read_file("image", file)


def test_an_address_is_kept_as_it_is_and_never_fetched() -> None:
    assert read_address("image", "http://169.254.169.254/").link == "http://169.254.169.254/"
    assert read_address("image", "DATA:image/png;base64," + uri(png()).partition(",")[2]).file == png()
