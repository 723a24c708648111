"""What a request brings for its tools: sounds, films, and pictures for a model without eyes.

Whether a tool takes them shows only when it is known what is served. So what is wrong with one is kept until then:
where no tool takes it, it is refused as it is where there are none. Nothing is fetched here, and nothing decoded.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from coordinator.attachment import Attachment, Kind
from coordinator.media.handles import FORMATS, KINDS, NoSuchMedia, known_kind, medium_of
from coordinator.openai.fields import Fields
from coordinator.openai.images import Pictures, Sent, decoded, file_of, from_uri
from wire.chat import Message
from wire.errors import SupernetError, invalid
from wire.media import MAX_IMAGE_BYTES, MAX_VIDEO_BYTES
from wire.pictures import MAX_PICTURES

MAX_LINK_CHARS = 512  # of a link of ours, which is far shorter
NO_ID = {"file_id": "no files are kept under ids of OpenAI's; POST /v1/media keeps one, for 'media_references'"}


class Found(NamedTuple):
    """A file at `path`, or the link of media that we keep."""

    path: str
    file: bytes = b""
    link: str = ""
    kind: Kind | None = None  # that it has to be


Read = Callable[[Fields, Pictures], Found]


def brought(fields: Fields, pictures: Pictures, read: Read, refused: SupernetError) -> Attachment:
    """What `read` finds in a part, or what is wrong with it. `refused`: the error where no tool takes it."""
    try:
        found = read(fields, pictures)
        fields.finish()
        kind = found.kind if found.link else _kind(found)
    except SupernetError as fault:
        fields.leave()
        return Attachment(fault.param or "", refused, fault=fault)
    return Attachment(found.path, refused, kind, found.file, found.link)


def of_picture(read: Callable[[Fields], Sent], *beside: str) -> Read:
    """A reader of pictures, out of one that finds the data URI. `beside`: keys without an effect."""

    def found(fields: Fields, pictures: Pictures) -> Found:
        sent = read(fields)
        fields.accept(*beside)
        pictures.count(sent)
        return Found(sent.path, file_of(sent, MAX_IMAGE_BYTES), kind="image")

    return found


def read_audio(fields: Fields, pictures: Pictures) -> Found:
    """Read `input_audio`: `{"data": BASE64, "format": "wav"}`. What the file is shows in its first bytes."""
    inner = _needed_object(fields, "input_audio")
    path, data = inner.at("data"), inner.text("data")
    inner.accept("format")
    inner.finish()
    return Found(path, _file(path, _needed(path, data), pictures), kind="audio")


def read_file(fields: Fields, pictures: Pictures) -> Found:
    """Read `file`: `{"file_data": DATA URI, "filename": ...}`: a picture, a sound or a film."""
    inner = _needed_object(fields, "file")
    found = read_file_fields(inner, pictures)
    inner.finish()
    return found


def read_file_fields(fields: Fields, pictures: Pictures) -> Found:
    """The fields of `file`, and of an `input_file`."""
    fields.refuse(NO_ID)
    data, link = fields.text("file_data"), fields.text("file_url", high=MAX_LINK_CHARS)
    fields.accept("filename")
    if data is None and link is not None:
        return Found(fields.at("file_url"), link=link)
    path = fields.at("file_data")
    return Found(path, _file(path, _needed(path, data), pictures))


def read_references(body: Fields, pictures: Pictures, messages: Sequence[Message]) -> None:
    """Read `media_references`: `[{"kind": "image", "url": ...}]`, a data URI or a link of media that we keep. The model
    is told of them behind the last words of the user. Raises SupernetError."""
    name = "media_references"
    if not pictures.attachable:
        body.refuse({name: "send pictures as parts of a message, of type 'image_url'"})
        return
    listed = body.array(name, MAX_PICTURES) or []
    last = next((number for number in reversed(range(len(messages))) if messages[number].role == "user"), None)
    if listed and last is None:
        raise invalid(name, f"Invalid '{name}': there is no message of the user to which they could belong.")
    for place, item in enumerate(listed):
        at = f"{name}[{place}]"
        why = "no tool is declared that could use it: send pictures as parts of a message, of type 'image_url'"
        refused = invalid(at, f"Invalid '{at}': {why}.")
        found = brought(type(body)(item, at), pictures, _reference, refused)
        assert last is not None  # there are some
        pictures.attach(last, [replace(found, at=len(messages[last].content))])


def _reference(fields: Fields, pictures: Pictures) -> Found:
    kind: Kind | None = fields.choice("kind", KINDS)  # type: ignore[assignment]  # one of them, or none
    given = {name: value for name in ("url", "value", "data") if (value := fields.text(name)) is not None}
    fields.accept("name", "mime_type")
    if len(given) != 1:
        path = fields.at("url")
        raise invalid(path, f"Invalid '{path}': give one of 'url', 'value' and 'data'.")
    ((name, value),) = given.items()
    path = fields.at(name)
    if name == "data" or value[:5].lower() == "data:":
        return Found(path, _file(path, value, pictures), kind=kind)
    if len(value) > MAX_LINK_CHARS:
        raise invalid(path, f"Invalid '{path}': a link has at most {MAX_LINK_CHARS} characters.")
    return Found(path, link=value, kind=kind)


def _file(path: str, data: str, pictures: Pictures) -> bytes:
    """The bytes in a data URI, or in base64 alone, as OpenAI has it of sounds."""
    sent = from_uri(path, data, None) if data[:5].lower() == "data:" else Sent(path, "", data)
    pictures.count(sent)
    return decoded(sent, MAX_VIDEO_BYTES, f"one file at most {MAX_VIDEO_BYTES // 2**20} MiB")


def _kind(found: Found) -> Kind:
    """What a file is, which may be of no other kind than it has to be. Raises invalid_request."""
    kind = found.kind or known_kind(found.file)
    try:
        if kind is None:
            raise NoSuchMedia(f"its bytes are those of no file that tools work with: {', '.join(FORMATS.values())}")
        medium_of(found.file, kind)
    except NoSuchMedia as error:
        raise invalid(found.path, f"Invalid '{found.path}': {error}.") from None
    return kind


def _needed(path: str, value: str | None) -> str:
    if value is None:
        raise invalid(path, f"Missing required parameter: '{path}'.")
    return value


def _needed_object(fields: Fields, name: str) -> Fields:
    inner = fields.inner(name)
    if inner is None:
        raise invalid(fields.at(name), f"Missing required parameter: '{fields.at(name)}'.")
    return inner
