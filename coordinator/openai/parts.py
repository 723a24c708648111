"""The content of a message: a string, or typed parts, of which texts are joined and pictures get their place in it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from coordinator.attachment import Attachment
from coordinator.openai import thoughts
from coordinator.openai.attachments import Found, brought, of_picture
from coordinator.openai.fields import Fields, kind
from coordinator.openai.images import NO_PICTURE, Picture, Pictures, Sent, Unreadable
from wire.chat import Image
from wire.errors import invalid
from wire.pictures import UNREADABLE

MAX_TYPE_CHARS = 32  # of a type that is said again


@dataclass(frozen=True)
class PartKind:
    """A kind of part: its `type`, the key of its text, and keys that may stand beside it without an effect.

    A part that is a `thought` has its text under one of the keys of thoughts.py, or is sealed and has none. One that is
    a picture is read by `picture`. `instead`: the words that the model is shown in place of such a part, which is not
    read, or of a picture that cannot be. `refused`: why there can be none here, and what to do. `attached`: reads what
    is for tools, where there may be some; else it is refused.
    """

    type: str
    key: str = ""
    beside: tuple[str, ...] = ()
    thought: bool = False
    picture: Callable[[Fields], Sent] | None = None
    instead: str = ""
    refused: str = ""
    attached: Callable[[Fields, Pictures], Found] | None = None


class Content(NamedTuple):
    """What a message says, and the pictures and attachments in it, whose places are in the text."""

    text: str
    images: tuple[Image, ...] = ()
    attachments: tuple[Attachment, ...] = ()


def picture_kind(
    role: str, pictures: Pictures, type: str, read: Callable[[Fields], Sent], *beside: str, instead: bool = False
) -> PartKind:
    """What becomes of a picture in a message of this role: shown, replaced by words, or refused.

    A picture in a tool's result is the tool's choice and not the client's: it ends no conversation.
    """
    if role not in ("user", "tool"):
        return PartKind(type, refused="pictures are shown in messages of the user or of a tool: send it there")
    if not pictures.seen:
        if role == "tool":
            return PartKind(type, instead=NO_PICTURE)
        return PartKind(type, refused=pictures.text_only, attached=of_picture(read, *beside))
    return PartKind(type, beside=beside, picture=read, instead=UNREADABLE if role == "tool" else "")


def read_text(fields: Fields, name: str, *kinds: PartKind) -> str | None:
    """A string, or text parts joined without anything between them, as Qwen's own template joins them."""
    texts = read_texts(fields, name, *kinds)
    return None if texts is None else "".join(text for _, text in texts)


def read_texts(fields: Fields, name: str, *kinds: PartKind) -> list[tuple[PartKind, str]] | None:
    """The parts with their texts; a string is one part of the first kind. None when it is missing."""
    parts = _parts(fields, name, None, kinds)
    return None if parts is None else [(one, said) for one, said in parts if isinstance(said, str)]


def read_content(fields: Fields, name: str, pictures: Pictures, *kinds: PartKind) -> Content | None:
    """The texts joined as by `read_text`, and each picture at the end of the texts before it."""
    parts = _parts(fields, name, pictures, kinds)
    if parts is None:
        return None
    texts: list[str] = []
    images: list[Image] = []
    attachments: list[Attachment] = []
    length = 0
    for _, said in parts:
        if isinstance(said, str):
            texts.append(said)
            length += len(said)
        elif isinstance(said, Picture):
            images.append(said.at(length))
        else:
            attachments.append(replace(said, at=length))
    return Content("".join(texts), tuple(images), tuple(attachments))


def _parts(
    fields: Fields, name: str, pictures: Pictures | None, kinds: tuple[PartKind, ...]
) -> list[tuple[PartKind, str | Picture | Attachment]] | None:
    """The parts, each with its text, or its picture or attachment if `pictures` are read."""
    value, path = fields.take(name), fields.at(name)
    if value is None or isinstance(value, str):
        return None if value is None else [(kinds[0], value)]
    if not isinstance(value, list):
        raise invalid(path, f"Invalid type for '{path}': expected a string or an array of parts, got {kind(value)}.")
    return [_part(type(fields)(item, f"{path}[{index}]"), pictures, kinds) for index, item in enumerate(value)]


def _part(
    fields: Fields, pictures: Pictures | None, kinds: tuple[PartKind, ...]
) -> tuple[PartKind, str | Picture | Attachment]:
    given: Any = fields.take("type")
    one = next((each for each in kinds if each.type == given), None)
    if one is None or one.refused or one.attached is not None:
        shown = f"'{given}' parts are" if isinstance(given, str) and len(given) <= MAX_TYPE_CHARS else "this part is"
        why = (one.refused if one is not None else "") or _known(kinds)
        refused = invalid(fields.at("type"), f"Invalid '{fields.at('type')}': {shown} not accepted here: {why}.")
        if one is None or one.attached is None or pictures is None or not pictures.attachable:
            raise refused
        return one, brought(fields, pictures, one.attached, refused)
    if one.picture is not None and pictures is not None:
        return one, _picture(fields, one, one.picture, pictures)
    if one.instead:
        fields.leave()
        return one, one.instead
    text = thoughts.first(fields, *thoughts.KEYS) or "" if one.thought else fields.text(one.key)
    if text is None:
        raise invalid(fields.at(one.key), f"Missing required parameter: '{fields.at(one.key)}'.")
    fields.accept(*one.beside)
    fields.finish()
    return one, text


def _picture(fields: Fields, one: PartKind, read: Callable[[Fields], Sent], pictures: Pictures) -> str | Picture:
    try:
        picture = pictures.add(read(fields))
    except Unreadable as error:
        if not one.instead:
            raise
        pictures.left_out(error)
        fields.leave()
        return one.instead
    fields.accept(*one.beside)
    fields.finish()
    return picture


def _known(kinds: tuple[PartKind, ...]) -> str:
    """What is accepted in place of a part of an unknown kind."""
    listed = " or ".join(f"'{each.type}'" for each in kinds if each.key or each.picture)
    return f"the model takes text{' and pictures' if any(each.picture for each in kinds) else ''} only ({listed})"
