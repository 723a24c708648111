"""Pictures read whole, and written upright without anything beside them."""

from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image

from coordinator.artefacts import pictures
from coordinator.artefacts.facts import Facts
from coordinator.artefacts.strip import PNG, Damaged
from tests.coordinator.artefacts.files import ORIENTATION, WORDS, jpeg, png, webp

MAKERS: dict[str, Callable[..., bytes]] = {"image/png": png, "image/jpeg": jpeg, "image/webp": webp}


def rewritten(data: bytes, media_type: str) -> tuple[Facts, bytes]:
    out = BytesIO()
    return pictures.rewrite(BytesIO(data), media_type, out), out.getvalue()


@pytest.mark.parametrize("media_type", MAKERS)
def test_size_is_read_from_the_file_and_words_are_gone(media_type: str) -> None:
    facts, data = rewritten(MAKERS[media_type](40, 24), media_type)
    assert facts == Facts(media_type, 40, 24)
    assert WORDS.encode() not in data
    assert rewritten(data, media_type) == (facts, data)


def test_a_phones_picture_is_turned_upright() -> None:
    facts, data = rewritten(jpeg(40, 24, orientation=6), "image/jpeg")
    assert (facts.width, facts.height) == (24, 40)
    with Image.open(BytesIO(data)) as image:
        assert image.size == (24, 40) and ORIENTATION not in image.getexif()
    assert WORDS.encode() not in data


@pytest.mark.parametrize("media_type", MAKERS)
def test_a_file_of_another_kind_is_damaged(media_type: str) -> None:
    for other, maker in MAKERS.items():
        if other != media_type:
            with pytest.raises(Damaged):
                rewritten(maker(), media_type)


@pytest.mark.parametrize("media_type", MAKERS)
def test_pixels_that_cannot_be_read_are_damage(media_type: str) -> None:
    data = bytearray(rewritten(MAKERS[media_type](200, 200), media_type)[1])
    if media_type == "image/webp":
        data[20:60] = bytes(40)
    else:
        data[len(data) // 2 : len(data) // 2 + 40] = b"\xff\xd8" * 20
    with pytest.raises(Damaged):
        rewritten(bytes(data), media_type)


def test_a_bomb_is_known_by_its_head() -> None:
    def chunk(name: bytes, held: bytes) -> bytes:
        import zlib

        return len(held).to_bytes(4, "big") + name + held + zlib.crc32(name + held).to_bytes(4, "big")

    for width, height in ((60_000, 60_000), (2**31 - 1, 2**31 - 1), (20_000, 1)):
        head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\x00\x00\x00"
        bomb = PNG + chunk(b"IHDR", head) + chunk(b"IDAT", b"x\x9c") + chunk(b"IEND", b"")
        with pytest.raises(Damaged, match="pixels"):
            rewritten(bomb, "image/png")


def test_a_broken_exif_is_no_reason_to_refuse_a_picture() -> None:
    data = jpeg()
    at = data.index(b"Exif\0\0") + 6
    facts, _ = rewritten(data[:at] + b"\xff" * 8 + data[at + 8 :], "image/jpeg")
    assert facts == Facts("image/jpeg", 48, 32)
