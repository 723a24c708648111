from base64 import b64encode

import pytest
from pydantic import ValidationError

from wire import codec
from wire.blobs import MAX_FILE_BYTES, PIECE_BYTES, Blob, Need, Wanted
from wire.chat import ChatRequest, Image, Message
from wire.media import MAX_IMAGE_BYTES, MAX_SOUND_BYTES, MAX_VIDEO_BYTES
from wire.messages import Start
from wire.pictures import MAX_BYTES, MAX_PICTURES

SHA = "ab" * 32


def test_a_need_and_a_blob_come_out_of_the_codec_as_they_went_in() -> None:
    need = Need(job="j", attempt=1, files=(Wanted(sha256=SHA), Wanted(sha256="cd" * 32, offset=5)))
    assert codec.to_coordinator(codec.encode(need)) == need
    blob = Blob(sha256=SHA, offset=0, size_bytes=MAX_FILE_BYTES, data=b64encode(bytes(PIECE_BYTES)).decode())
    assert codec.to_worker(codec.encode(blob)) == blob


def test_a_picture_of_a_chat_is_no_larger_because_films_are() -> None:
    assert MAX_FILE_BYTES == max(MAX_IMAGE_BYTES, MAX_SOUND_BYTES, MAX_VIDEO_BYTES) > MAX_BYTES
    with pytest.raises(ValidationError):
        Image(at=0, sha256=SHA, size_bytes=MAX_BYTES + 1, most=256)


def test_a_start_names_its_pictures() -> None:
    message = Message(role="user", content="Look: .", images=(Image(at=6, sha256=SHA, size_bytes=9, most=256),))
    request = ChatRequest(messages=(message,), max_tokens=1)
    start = Start(job="j", attempt=1, model="m", request=request, seed=1)
    assert codec.to_worker(codec.encode(start)) == start


@pytest.mark.parametrize(
    "wrong",
    [
        {"offset": MAX_FILE_BYTES},
        {"offset": -1},
        {"size_bytes": 0},
        {"size_bytes": MAX_FILE_BYTES + 1},
        {"data": ""},
        {"data": "%%%%"},
        {"data": b64encode(bytes(PIECE_BYTES + 1)).decode()},
        {"sha256": "AB" * 32},
    ],
)
def test_a_blob_has_bounds(wrong: dict[str, object]) -> None:
    right = {"sha256": SHA, "offset": 0, "size_bytes": 3, "data": "AAAA"}
    Blob.model_validate(right)
    with pytest.raises(ValidationError):
        Blob.model_validate(right | wrong)


def test_a_need_names_at_most_as_many_files_as_a_request_has_pictures() -> None:
    Need(job="j", attempt=1, files=(Wanted(sha256=SHA),) * MAX_PICTURES)
    for count in (0, MAX_PICTURES + 1):
        with pytest.raises(ValidationError):
            Need(job="j", attempt=1, files=(Wanted(sha256=SHA),) * count)
