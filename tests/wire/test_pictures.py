"""The rule of sizes: every machine must come to the same number of tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.pictures import LEAST_TOKENS, LOW_TOKENS, MAX_ASPECT, MAX_SIDE, MOST_TOKENS, fault, grid, looks_like_one

SIDES = st.integers(1, MAX_SIDE)


@pytest.mark.parametrize(
    ("size", "most", "expected"),
    [
        ((1, 1), 1024, (8, 8)),
        ((224, 224), 1024, (8, 8)),
        ((512, 512), 1024, (16, 16)),
        ((768, 768), 1024, (24, 24)),
        ((1024, 768), 1024, (32, 24)),
        ((1024, 1024), 1024, (32, 32)),
        ((1920, 1080), 1024, (42, 24)),
        ((1920, 1080), 256, (21, 12)),
        ((50, 1), 256, (57, 2)),
        ((1, 50), 256, (2, 57)),
        ((16_384, 1_000), 1024, (129, 7)),
    ],
)
def test_known_sizes(size: tuple[int, int], most: int, expected: tuple[int, int]) -> None:
    assert grid(*size, most) == expected


@given(SIDES, SIDES, st.sampled_from([LOW_TOKENS, MOST_TOKENS, 4096]))
def test_every_picture_that_is_shown_has_a_number_of_tokens_within_the_bounds(
    width: int, height: int, most: int
) -> None:
    if fault(width, height) is not None:
        return
    columns, rows = grid(width, height, most)
    assert LEAST_TOKENS <= columns * rows <= most
    assert grid(height, width, most) == (rows, columns)
    # The shape is kept to within a patch a side.
    assert (columns - 1) * height <= (rows + 1) * width and (rows - 1) * width <= (columns + 1) * height


@pytest.mark.parametrize(
    ("size", "says"),
    [
        ((0, 5), "no pixels"),
        ((MAX_SIDE + 1, 1000), "Send it smaller"),
        ((8000, 8000), "Send it smaller"),
        ((MAX_ASPECT + 1, 1), "Cut it into pieces"),
        ((1, 16_384), "Cut it into pieces"),
    ],
)
def test_what_cannot_be_shown_says_what_helps(size: tuple[int, int], says: str) -> None:
    assert says in (fault(*size) or "")


@pytest.mark.parametrize(
    ("file", "one"),
    [
        (b"\xff\xd8\xff\xe0\0\x10JFIF", True),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", True),
        (b"GIF87a", True),
        (b"GIF89a", True),
        (b"RIFF\x24\0\0\0WEBPVP8 ", True),
        (b"RIFF\x24\0\0\0WAVEfmt ", False),
        (b"BM6\0\0\0", False),
        (b"<svg", False),
        (b"", False),
    ],
)
def test_pictures_are_known_by_their_first_bytes(file: bytes, one: bool) -> None:
    assert looks_like_one(file) is one
