"""What one content says: texts set apart by a line's end, and pictures, each at the end of the text before it."""

from typing import Any, Literal

from coordinator.anthropic.fields import MessagesFields
from coordinator.openai.images import NO_PICTURE, Picture, Pictures, Sent, Unreadable
from wire.chat import Image, Message
from wire.errors import invalid
from wire.pictures import UNREADABLE


class Said:
    """The texts and pictures of a content, while its blocks are read."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._images: list[Image] = []

    @property
    def empty(self) -> bool:
        return not self._texts and not self._images

    def add(self, said: str | Picture) -> None:
        if isinstance(said, str):
            self._texts.append(said)
        else:
            self._images.append(said.at(len("\n".join(self._texts))))

    def message(self, role: Literal["user", "system", "tool"], before: str = "", call_id: str | None = None) -> Message:
        """The message of it all, with the words `before` in front."""
        images = tuple(image.model_copy(update={"at": len(before) + image.at}) for image in self._images)
        return Message(role=role, content=before + "\n".join(self._texts), images=images, tool_call_id=call_id)


def picture_of_a_tool(fields: MessagesFields, pictures: Pictures) -> Picture | str:
    """The picture of a block in a tool's result, or the words in its place: it is the tool's choice and not the
    client's, and a refusal would end every later request of the same conversation too."""
    if not pictures.seen:
        fields.leave()
        return NO_PICTURE
    try:
        return read_picture(fields, pictures)
    except Unreadable as error:
        pictures.left_out(error)
        return UNREADABLE


def read_picture(fields: MessagesFields, pictures: Pictures) -> Picture:
    """The picture of a block. Raises SupernetError, Unreadable where it is for this one picture."""
    source, path = fields.inner("source"), fields.at("source")
    fields.accept("cache_control")
    fields.finish()
    if source is None:
        raise invalid(path, f"Missing required parameter: '{path}'.")
    given: Any = source.take("type")
    if given in ("url", "file"):
        why = "pictures are not fetched from other machines" if given == "url" else "nothing is stored"
        at = source.at("type")
        raise Unreadable(at, f"Unsupported value for '{at}'. Here: {why}: send the file, with the type 'base64'.")
    if given != "base64":
        raise invalid(source.at("type"), f"Invalid '{source.at('type')}': the supported value is 'base64'.")
    sent = Sent(path, _required(source, "media_type"), _required(source, "data"))
    source.finish()
    return pictures.add(sent)


def _required(source: MessagesFields, name: str) -> str:
    value = source.text(name)
    if value is None:
        raise invalid(source.at(name), f"Missing required parameter: '{source.at(name)}'.")
    return value
