"""Good, odd and hostile files: the right picture, or a sentence that says what to do."""

import random
from collections.abc import Callable, Iterator

import pytest
from PIL.PngImagePlugin import PngImageFile

from tools.hostile.pictures import odd, refused
from tools.hostile.pictures.case import Case
from tools.hostile.pictures.files import animated, png, quarters, saved, scans, segment, turned
from wire.pictures import LOW_TOKENS, MOST_TOKENS
from worker.pictures.decode import MAX_SCANS, decode
from worker.pictures.pipe import File, Pixels, Unreadable


def pixels(data: bytes, most: int = MOST_TOKENS) -> Pixels:
    answer = decode(File(data, most))
    assert isinstance(answer, Pixels), answer
    return answer


def size(data: bytes, most: int = MOST_TOKENS) -> tuple[int, int]:
    answer = pixels(data, most)
    return answer.width, answer.height


@pytest.mark.parametrize(
    "group",
    [
        odd.formats,
        odd.modes,
        odd.turns,
        odd.beside,
        pytest.param(odd.sizes, marks=pytest.mark.search),  # 32 million pixels are made and read
        refused.bombs,
        refused.shapes,
        refused.cut,
        refused.others,
    ],
)
def test_what_a_person_would_see_is_what_the_model_sees_or_it_is_told_what_to_do(
    group: Callable[[], Iterator[Case]],
) -> None:
    told = {case.name: case.wrong(decode(File(case.data, MOST_TOKENS))) for case in group()}
    assert {name: wrong for name, wrong in told.items() if wrong} == {}


def test_turned_in_any_way_it_is_the_same_picture() -> None:
    upright = pixels(saved(quarters(128, 64), "PNG"))
    assert (upright.width, upright.height) == (384, 192)
    for orientation in range(1, 9):
        assert pixels(turned(orientation, "PNG")) == upright
        assert size(turned(orientation)) == (384, 192)


def test_of_an_animation_the_first_frame_is_seen() -> None:
    still = pixels(saved(quarters(), "WEBP", lossless=True))
    assert [pixels(animated(format)) for format in ("WEBP", "PNG")] == [still, still]


def test_the_size_is_the_one_of_the_rule_and_low_detail_is_smaller() -> None:
    data = saved(quarters(1920, 1080), "PNG")
    assert size(data) == (42 * 32, 24 * 32)
    assert size(data, 256) == (21 * 32, 12 * 32)


def test_the_same_file_is_the_same_pixels() -> None:
    data = saved(quarters(1000, 700), "JPEG")
    assert decode(File(data, 1024)) == decode(File(data, 1024))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_the_pixels_of_its_file_are_told_though_a_jpeg_is_decoded_at_a_fraction(kind: str) -> None:
    assert pixels(saved(quarters(3000, 1200), kind), LOW_TOKENS).in_file == 3000 * 1200


def test_of_a_jpeg_the_scans_of_its_own_picture_count_alone() -> None:
    film = b"\xff\xda\0\x08 a phone's film " * 100
    photo = saved(quarters(4000, 3000), "JPEG")
    parts = photo[:2] + segment(0xE1, b"Thumbnail\0" + film) + photo[2:] + film
    assert pixels(parts, LOW_TOKENS) == pixels(photo, LOW_TOKENS)


def test_a_small_jpeg_of_many_scans_is_refused_as_twenty_of_them_would_take_long() -> None:
    assert isinstance(decode(File(scans(320, 320, MAX_SCANS - 1), MOST_TOKENS)), Pixels)
    for many in (scans(320, 320, MAX_SCANS), scans(320, 320, MAX_SCANS).replace(b"\xff\xda", b"\xff\xff\xda")):
        answer = decode(File(many, MOST_TOKENS))
        assert isinstance(answer, Unreadable) and "save it anew" in answer.why


def test_a_bomb_is_refused_before_it_goes_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow unpacks a whole PNG where one asks for its EXIF: 900 million pixels of one bit are 900 MB."""
    unpacked: list[object] = []
    monkeypatch.setattr(PngImageFile, "load", lambda image: unpacked.append(image))
    assert isinstance(decode(File(png(30_000, 30_000, depth=1, colour=0), MOST_TOKENS)), Unreadable)
    assert unpacked == []


def test_files_damaged_anywhere_are_a_picture_or_a_sentence() -> None:
    chance = random.Random(7)
    for format in ("PNG", "JPEG", "WEBP", "GIF"):
        exif = (
            {}
            if format == "GIF"
            else {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06" + bytes(6)}
        )
        whole = saved(quarters(), format, **exif)
        for _ in range(150):
            data = bytearray(whole)
            for _ in range(chance.randint(1, 8)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            answer = decode(File(bytes(data), MOST_TOKENS))
            assert isinstance(answer, Pixels | Unreadable)
