from base64 import b64encode

import pytest

from coordinator.media.previews import preview_format


@pytest.mark.parametrize(
    ("start", "format"),
    [(b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff\xe0", "jpeg"), (b"<html><body>", None), (b"GIF89a", None)],
)
def test_nothing_but_a_picture_is_passed_on(start: bytes, format: str | None) -> None:
    assert preview_format(b64encode(start + bytes(30)).decode()) == format


@pytest.mark.parametrize("preview", ["", "no base64", "i"])
def test_what_is_no_base64_is_no_picture(preview: str) -> None:
    assert preview_format(preview) is None
