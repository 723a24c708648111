"""The pictures of a request: where its messages hold them, and what a template is given in their places."""

from collections.abc import Container, Iterator, Sequence

from wire.chat import ChatRequest, Image, Message
from wire.errors import SupernetError, invalid
from wire.pictures import MAX_BYTES_TOGETHER, MAX_PICTURES, UNREADABLE
from worker.chat.surrogates import plain

IMAGE_PAD, VIDEO_PAD = "<|image_pad|>", "<|video_pad|>"  # what Qwen's templates write for one picture, or one film
SEEING_ROLES = ("user", "tool")

Content = str | list[dict[str, str]]  # of a message, as a template takes it


def pictures_of(request: ChatRequest) -> tuple[Image, ...]:
    """Those of all messages, in their order. Raises SupernetError (invalid_request) for some that no prompt can have: a
    coordinator should have refused them, but it is a stranger here."""
    found: list[Image] = []
    for number, message in enumerate(request.messages):
        if not message.images:
            continue
        if message.role not in SEEING_ROLES:
            raise _refused(number, "pictures can stand in messages of the user and of tools only")
        places = [0, *(image.at for image in message.images), len(message.content)]
        if places != sorted(places):
            raise _refused(number, "its pictures are out of order, or stand behind its text")
        found += message.images
    if len(found) > MAX_PICTURES:
        raise invalid("messages", f"The messages hold {len(found)} pictures, and {MAX_PICTURES} are the most.")
    size = sum({image.sha256: image.size_bytes for image in found}.values())
    if size > MAX_BYTES_TOGETHER:
        raise invalid("messages", f"The pictures are {size:,} bytes together, and {MAX_BYTES_TOGETHER:,} are the most.")
    return tuple(found)


def of_tools(request: ChatRequest) -> tuple[bool, ...]:
    """Whether each picture of all messages stands in the result of a tool."""
    return tuple(message.role == "tool" for message in request.messages for _ in message.images)


def without(request: ChatRequest, unreadable: Container[tuple[str, int]]) -> ChatRequest:
    """The request with words in place of some pictures, each known by its file's hash and the most tokens it may be."""
    messages = tuple(_without(message, unreadable) for message in request.messages)
    return request.model_copy(update={"messages": messages})


def _without(message: Message, unreadable: Container[tuple[str, int]]) -> Message:
    content, images, done = "", list[Image](), 0
    for image in message.images:
        content += message.content[done : image.at]
        done = image.at
        if (image.sha256, image.most) in unreadable:
            content += UNREADABLE
        else:
            images.append(image.model_copy(update={"at": len(content)}))
    content += message.content[done:]
    return message.model_copy(update={"content": content, "images": tuple(images)})


def content_of(text: str, images: Sequence[Image]) -> Content:
    """A message's text for a template: plain without pictures, so that prompts of text are what they always were, else
    parts of exactly these keys. A part with a key more would be taken for a picture by some templates."""
    return joined(*_parts(text, images)) if images else plain(text)


def _parts(text: str, images: Sequence[Image]) -> Iterator[Content]:
    done = 0
    for image in images:
        yield plain(text[done : image.at])
        yield [{"type": "image"}]
        done = image.at
    yield plain(text[done:])


def joined(*contents: Content) -> Content:
    """Contents put together to one, texts that meet as one text."""
    parts: list[dict[str, str]] = []
    for content in contents:
        for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            if parts and "text" in part and "text" in parts[-1]:
                part = {"type": "text", "text": parts.pop()["text"] + part["text"]}
            if part.get("text") != "":
                parts.append(part)
    if any("text" not in part for part in parts):
        return parts
    return "".join(part["text"] for part in parts)


def _refused(number: int, why: str) -> SupernetError:
    return invalid("messages", f"messages[{number}]: {why}.")
