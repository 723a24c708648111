"""Only the picture stays."""

from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image

from coordinator.artefacts.strip import MAX_SCANS, Damaged, stripped
from tests.coordinator.artefacts.files import WORDS, jpeg, picture, png, webp

BEHIND = b"<html><script>alert(1)</script>"
FILES: dict[str, Callable[[], bytes]] = {
    "image/png": png,
    "image/jpeg": jpeg,
    "image/jpeg progressive": lambda: jpeg(progressive=True),
    "image/webp": webp,
    "image/webp lossless": lambda: webp(lossless=True),
}


def pixels(data: bytes) -> bytes:
    with Image.open(BytesIO(data)) as image:
        return image.convert("RGBA").tobytes()


@pytest.mark.parametrize("name", FILES)
def test_pixels_stay_and_words_go(name: str) -> None:
    data = FILES[name]()
    assert WORDS.encode() in data
    left = stripped(data, name.split()[0])
    assert WORDS.encode() not in left
    assert pixels(left) == pixels(data)
    assert stripped(left, name.split()[0]) == left


@pytest.mark.parametrize("name", FILES)
def test_what_hangs_behind_the_end_goes(name: str) -> None:
    data = FILES[name]()
    assert stripped(data + BEHIND, name.split()[0]) == stripped(data, name.split()[0])


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_cut_off_is_damaged(name: str) -> None:
    data = stripped(FILES[name](), name.split()[0])
    for size in (*range(30), len(data) // 2, len(data) - 1):
        with pytest.raises(Damaged):
            stripped(data[:size], name.split()[0])


def test_what_is_transparent_stays_so() -> None:
    image = picture().convert("RGBA")
    image.putalpha(100)
    for form in ("PNG", "WEBP"):
        out = BytesIO()
        image.save(out, form)
        assert pixels(stripped(out.getvalue(), f"image/{form.lower()}")) == pixels(out.getvalue())


def test_an_animation_is_one_picture_or_none() -> None:
    for form in ("PNG", "WEBP"):
        out = BytesIO()
        picture().save(out, form, save_all=True, append_images=[picture()])
        if form == "WEBP":
            with pytest.raises(Damaged, match="animation"):
                stripped(out.getvalue(), "image/webp")
        else:
            with Image.open(BytesIO(stripped(out.getvalue(), "image/png"))) as image:
                assert getattr(image, "n_frames", 1) == 1


def test_a_jpeg_that_is_gone_over_again_and_again_is_refused() -> None:
    data = stripped(jpeg(progressive=True), "image/jpeg")
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
    with pytest.raises(Damaged, match="scans"):
        stripped(data[:-2] + scan * MAX_SCANS + b"\xff\xd9", "image/jpeg")


def test_bytes_that_fill_before_a_marker_are_no_damage() -> None:
    data = stripped(jpeg(), "image/jpeg")
    filled = data.replace(b"\xff\xda", b"\xff\xff\xff\xda", 1)
    assert pixels(stripped(filled, "image/jpeg")) == pixels(data)
