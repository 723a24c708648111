"""Who waits for which file, and how much of it has come."""

from hashlib import sha256

from tests.worker.session.drawing import LARGE, MAKE, SMALL, blobs
from wire.blobs import PIECE_BYTES, Wanted
from wire.media import (
    MAX_IMAGE_BYTES,
    MAX_SOUND_BYTES,
    MAX_VIDEO_BYTES,
    EditImage,
    SoundToVideo,
    VideoToVideo,
)
from worker.session.media_files import MediaFiles, limits
from worker.session.slots import JobKey

A, B = JobKey("a", 1), JobKey("b", 1)
NAME = sha256(LARGE).hexdigest()


def of(*names: str) -> EditImage:
    return EditImage(prompt="x", width=64, height=64, steps=1, images=names)


def test_each_kind_of_file_has_its_own_bound() -> None:
    film = {"prompt": "x", "width": 64, "height": 64, "steps": 1, "frames": 8, "fps": 8}
    assert limits(MAKE) == {}
    sound = SoundToVideo(sound="a" * 64, image="b" * 64, **film)
    assert limits(sound) == {"a" * 64: MAX_SOUND_BYTES, "b" * 64: MAX_IMAGE_BYTES}
    video = VideoToVideo(video="a" * 64, mode="canny", **film)
    assert limits(video) == {"a" * 64: MAX_VIDEO_BYTES}


def test_pieces_are_taken_in_their_order_and_nothing_else_is() -> None:
    files = MediaFiles()
    first, second, third = blobs(LARGE)
    assert not files.wants(first), "nobody asked for it"
    assert files.claim(A, of(NAME)) and files.lacking(A) == [Wanted(sha256=NAME, offset=0)]
    assert not files.wants(second), "it does not continue"
    assert not files.wants(first.model_copy(update={"size_bytes": MAX_IMAGE_BYTES + 1})), "it is too large"
    assert not files.wants(first.model_copy(update={"data": "AAAA"})), "a file in crumbs"
    assert files.take(first) == (LARGE[:PIECE_BYTES], None)
    assert files.lacking(A) == [Wanted(sha256=NAME, offset=PIECE_BYTES)]
    assert not files.wants(second.model_copy(update={"size_bytes": len(LARGE) + 1})), "another size is another file"
    assert files.take(second)[1] is None and files.take(third)[1] is True
    assert files.lacking(A) == [] and not files.wants(third)


def test_a_whole_file_that_is_another_is_told() -> None:
    files = MediaFiles()
    files.claim(A, of(sha256(SMALL).hexdigest()))
    assert files.take(blobs(b"other", of=SMALL)[0]) == (b"other", False)


def test_room_is_promised_until_the_size_is_known_and_given_back_at_the_end() -> None:
    files = MediaFiles(most_bytes=MAX_IMAGE_BYTES + len(LARGE))
    assert files.claim(A, of(NAME)) and not files.claim(B, of("b" * 64))
    for blob in blobs(LARGE):
        files.take(blob)
    assert files.size_bytes == len(LARGE)
    assert files.claim(B, of("b" * 64, NAME)) and files.waiting(NAME) == {A, B}
    assert files.release(A) == [] and files.release(A) == []
    assert set(files.release(B)) == {NAME, "b" * 64} and files.size_bytes == 0
