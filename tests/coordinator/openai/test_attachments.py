"""What a request brings for its tools, as chat completions and responses have it."""

import json
from base64 import b64encode
from typing import Any

import pytest

from coordinator.attachment import Attachment
from coordinator.openai import chat_request
from coordinator.openai.images import FORMATS
from coordinator.openai.responses import request as responses_request
from coordinator.request import ChatJob
from tests.coordinator.media.samples import MP3, MP4
from tests.coordinator.pictures import CATALOG, PNG, image_url, input_image, uri
from wire.errors import ErrorCode, SupernetError
from wire.pictures import MAX_PICTURES

TEXT = {"type": "text", "text": "with this: "}
MP3_URI, MP4_URI = uri(MP3, "data:audio/mpeg;base64,"), uri(MP4, "data:video/mp4;base64,")
LINK = "https://net.example/m/AbCdEfGhIjKlMnOpQrStUv.png"


def audio(data: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": {"data": data, "format": "mp3", **fields}}


def file(**fields: Any) -> dict[str, Any]:
    return {"type": "file", "file": fields}


def chat(*parts: Any, model: str = "blind", **fields: Any) -> ChatJob:
    body = {"model": model, "messages": [{"role": "user", "content": list(parts) or "x"}], **fields}
    return chat_request.parse(json.dumps(body).encode(), CATALOG, {})


def response(*parts: Any, model: str = "blind", **fields: Any) -> ChatJob:
    body = {"model": model, "input": [{"role": "user", "content": list(parts)}], **fields}
    return responses_request.parse(json.dumps(body).encode(), CATALOG, {}).chat


def only(job: ChatJob) -> Attachment:
    (found,) = job.attachments
    return found


def fault(job: ChatJob, path: str) -> str:
    """What is wrong with the only one, at that place; without a tool it is refused as ever."""
    found = only(job)
    assert isinstance(found.fault, SupernetError)
    assert (found.fault.code, found.fault.param) == (ErrorCode.INVALID_REQUEST, path)
    assert found.file == b""
    return found.fault.message


def refusal(found: Attachment) -> SupernetError:
    assert found.refused is not None
    return found.refused


def test_a_picture_for_a_model_without_eyes_is_for_tools() -> None:
    found = only(chat(TEXT, image_url(), TEXT))
    assert (found.kind, found.file, found.path) == ("image", PNG, "messages[0].content[1].image_url")
    assert (found.message, found.at) == (0, len(TEXT["text"]))
    assert "this model takes text only. Models that see pictures: seer" in refusal(found).message
    assert refusal(found).param == "messages[0].content[1].type"
    job = response(input_image())
    assert (only(job).file, only(job).path) == (PNG, "input[0].content[0].image_url")
    assert (job.blobs, job.pictures) == ({}, ())


def test_a_model_with_eyes_sees_its_pictures_and_hears_nothing() -> None:
    job = chat(image_url(), audio(b64encode(MP3).decode()), model="seer")
    assert list(job.blobs.values()) == [PNG]
    assert (only(job).kind, only(job).file) == ("audio", MP3)
    assert "the model takes text and pictures only ('text' or 'image_url')" in refusal(only(job)).message


@pytest.mark.parametrize(
    ("part", "kind", "data", "at"),
    [
        (audio(b64encode(MP3).decode()), "audio", MP3, "input_audio.data"),
        (audio(MP3_URI), "audio", MP3, "input_audio.data"),
        (file(file_data=MP3_URI, filename="a.mp3"), "audio", MP3, "file.file_data"),
        (file(file_data=MP4_URI), "video", MP4, "file.file_data"),
        (file(file_data=uri()), "image", PNG, "file.file_data"),
        (file(file_data=b64encode(MP4).decode()), "video", MP4, "file.file_data"),
    ],
)
def test_sounds_and_files_of_a_chat(part: Any, kind: str, data: bytes, at: str) -> None:
    found = only(chat(TEXT, part))
    assert (found.kind, found.file, found.path) == (kind, data, f"messages[0].content[1].{at}")
    assert "the model takes text only ('text')" in refusal(found).message


def test_sounds_and_files_of_a_response() -> None:
    found = response(
        {"type": "input_text", "text": "ab"},
        audio(MP3_URI),
        {"type": "input_file", "file_data": MP4_URI, "filename": "a.mp4"},
        {"type": "input_file", "file_url": LINK},
    ).attachments
    assert [one.kind for one in found] == ["audio", "video", None]
    assert [one.at for one in found] == [2, 2, 2]
    assert (found[2].link, found[2].path) == (LINK, "input[0].content[3].file_url")


@pytest.mark.parametrize(
    ("part", "path", "says"),
    [
        (image_url("https://elsewhere.example/a.png"), "image_url", "not fetched from other machines"),
        (image_url("data:image/png;base64,AAAA"), "image_url", FORMATS),
        (image_url(uri(b"GIF89a" + bytes(9), "data:image/gif;base64,")), "image_url", "PNG, JPEG or WebP"),
        (image_url(uri(), detail="odd"), "image_url.detail", "supported values"),
        (audio(b64encode(PNG).decode()), "input_audio.data", "MP3, M4A, FLAC or WAV"),
        (audio("no base64!"), "input_audio.data", "not valid base64"),
        (audio(None), "input_audio.data", "Missing"),
        (audio(7), "input_audio.data", "expected a string"),
        ({"type": "input_audio"}, "input_audio", "Missing"),
        (audio(b64encode(MP3).decode(), odd=1), "input_audio.odd", "Unknown"),
        (file(file_id="file-1"), "file.file_id", "no files are kept"),
        (file(filename="a.mp3"), "file.file_data", "Missing"),
        (file(file_data="data:text/plain;base64,aGk="), "file.file_data", "no file that tools work with"),
        (file(file_data=uri(b"%PDF-1.7", "data:application/pdf;base64,")), "file.file_data", "no file that tools work"),
        (file(file_data="data:audio/mpeg,x"), "file.file_data", "not in base64"),
    ],
)
def test_what_is_wrong_with_one_is_kept_until_a_tool_would_take_it(part: Any, path: str, says: str) -> None:
    assert says in fault(chat(part), f"messages[0].content[0].{path}")


def test_a_request_that_wants_no_tools_is_refused_at_once() -> None:
    for part, says in ((image_url(), "this model takes text only"), (audio(MP3_URI), "('text')"), (file(), "('text')")):
        for wanted in (False, "none"):
            with pytest.raises(SupernetError, match="not accepted here") as raised:
                chat(part, sogni_tools=wanted)
            assert says in raised.value.message


def test_only_the_user_brings_files() -> None:
    for role in ("system", "assistant"):
        with pytest.raises(SupernetError, match="not accepted here"):
            chat(messages=[{"role": role, "content": [audio(MP3_URI)]}])


def test_more_than_so_many_are_refused_and_the_first_too_many_says_so() -> None:
    assert len(chat(*[image_url()] * MAX_PICTURES).attachments) == MAX_PICTURES
    *kept, last = chat(*[image_url()] * (MAX_PICTURES + 5)).attachments
    assert len(kept) == MAX_PICTURES
    assert last.fault is not None
    assert "more than 20 files" in str(last.fault)
    assert last.path == f"messages[0].content[{MAX_PICTURES}].image_url"


def test_references_stand_behind_the_last_words_of_the_user() -> None:
    listed = [
        {"kind": "image", "url": uri()},
        {"kind": "video", "value": MP4_URI, "name": "a", "mime_type": "video/mp4"},
        {"kind": "audio", "data": b64encode(MP3).decode()},
        {"kind": "image", "url": LINK},
        {"url": LINK},
    ]
    talk = [{"role": "user", "content": "first"}, {"role": "assistant", "content": "y"}] * 2
    found = chat(messages=talk, media_references=listed).attachments
    assert [one.kind for one in found] == ["image", "video", "audio", "image", None]
    assert [one.file for one in found] == [PNG, MP4, MP3, b"", b""]
    assert [one.link for one in found] == ["", "", "", LINK, LINK]
    assert {(one.message, one.at) for one in found} == {(2, 5)}
    assert found[1].path == "media_references[1].value"
    assert len(response({"type": "input_text", "text": "x"}, media_references=listed).attachments) == 5


@pytest.mark.parametrize(
    ("item", "path", "says"),
    [
        ({"kind": "image"}, ".url", "give one of"),
        ({"kind": "image", "url": uri(), "data": "AAAA"}, ".url", "give one of"),
        ({"kind": "drawing", "url": uri()}, ".kind", "supported values"),
        ({"kind": "audio", "url": uri()}, ".url", "MP3, M4A, FLAC or WAV"),
        ({"kind": "image", "url": "x" * 600}, ".url", "at most 512"),
        ({"kind": "image", "url": uri(), "odd": 1}, ".odd", "Unknown"),
    ],
)
def test_what_is_wrong_with_a_reference(item: Any, path: str, says: str) -> None:
    assert says in fault(chat(media_references=[item]), f"media_references[0]{path}")


@pytest.mark.parametrize("listed", ["x", {}, [1], [{}] * (MAX_PICTURES + 1)])
def test_references_that_are_none(listed: Any) -> None:
    with pytest.raises(SupernetError, match="media_references"):
        chat(media_references=listed)


def test_references_belong_to_a_message_of_the_user() -> None:
    assert chat(media_references=[]).attachments == ()
    with pytest.raises(SupernetError, match="no message of the user"):
        chat(messages=[{"role": "system", "content": "x"}], media_references=[{"url": uri()}])
