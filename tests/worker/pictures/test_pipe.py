"""What goes to the reader of pictures and comes back from it arrives as it was sent."""

from typing import Any

import pytest

from wire.pictures import MAX_BYTES, MOST_TOKENS, PATCH
from worker.pictures.pipe import FROM_READER, TO_READER, File, Pixels, Unreadable
from worker.subprocesses.codec import Codec

MESSAGES: list[tuple[Codec[Any], object]] = [
    (TO_READER, File(bytes(range(256)), 1024)),
    (FROM_READER, Pixels(64, 32, bytes(64 * 32 * 3), 2048)),
    (FROM_READER, Unreadable("is damaged")),
]


@pytest.mark.parametrize(("codec", "message"), MESSAGES, ids=lambda value: type(value).__name__)
def test_a_message_arrives_as_it_was_sent(codec: Codec[Any], message: object) -> None:
    assert codec.decode(codec.encode(message)) == message


def test_the_largest_picture_fits_on_a_line_both_ways() -> None:
    TO_READER.encode(File(bytes(MAX_BYTES), MOST_TOKENS))
    side = 4 * PATCH * 8
    FROM_READER.encode(Pixels(side, side, bytes(3 * side * side), side * side))


def test_a_digest_is_of_the_shape_and_of_every_pixel() -> None:
    one = Pixels(64, 32, bytes(64 * 32 * 3), 2048)
    assert one.digest == Pixels(64, 32, bytes(64 * 32 * 3), 2048).digest
    others = [Pixels(32, 64, one.rgb, 9), Pixels(64, 32, one.rgb[:-1] + b"\1", 9), Pixels(6, 432, one.rgb, 9)]
    assert len({one.digest, *(other.digest for other in others)}) == 4
