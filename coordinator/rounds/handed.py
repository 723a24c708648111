"""What a conversation has for its tools: a handle for each thing, and the words by which the model knows of it.

A link of ours in a text is a name by itself. What the request brought has none, so the model is told one where the
thing stands: `[image media:1, 1024x768 PNG]`. A picture that the model sees too is told of only where a tool takes it.
"""

from collections.abc import Sequence
from dataclasses import replace
from operator import is_

from coordinator.media.handles import Handles, Medium, known_kind
from coordinator.media.tools import take
from coordinator.request import ChatJob
from wire.chat import Image, Message

Described = tuple[Medium | None, str]  # a thing, unless it is gone, and what is said of it beside its kind
_Thing = tuple[int, Medium | None, str, Image | None]  # its place in the text; the last: of a picture that is seen too


def handed(job: ChatJob, base: str, brought: Sequence[Described] = ()) -> tuple[ChatJob, Handles]:
    """The request with those words, and the handles of all that it has, in the order of the conversation. `base`: the
    address of our links. `brought`: its attachments as they were read, whose files are now among its own."""
    handles, shown = Handles(base), take("image", job.platform.declared)
    messages: list[Message] = []
    for number, message in enumerate(job.request.messages):
        things: list[_Thing] = [
            (one.at, *described, None)
            for one, described in zip(job.attachments, brought, strict=True)
            if one.message == number
        ]
        if shown or things:
            things += [(image.at, _seen(image, job) if shown else None, "", image) for image in message.images]
        if things:
            message = _told(message, sorted(things, key=lambda thing: thing[0]), handles)
        handles.add_links(message.content)
        messages.append(message)
    if all(map(is_, messages, job.request.messages)):
        return job, handles  # as nearly every chat
    files = {medium.sha256: medium.data for medium, _ in brought if medium is not None and medium.sha256}
    request = job.request.model_copy(update={"messages": tuple(messages)})
    return replace(job, request=request, blobs=job.blobs | files, attachments=()), handles


def _told(message: Message, things: Sequence[_Thing], handles: Handles) -> Message:
    """The message with a line for each thing, in front of the text or the picture that follows it."""
    told, rest = "", 0
    images: list[Image] = []
    for at, medium, about, image in things:
        told, rest = told + message.content[rest:at], at
        if medium is not None:
            before = "\n" if told and not told.endswith("\n") else ""
            told += before + _line(medium, about, handles) + "\n"
        if image is not None:
            images.append(image.model_copy(update={"at": len(told)}))
    return message.model_copy(update={"content": told + message.content[rest:], "images": tuple(images)})


def _seen(image: Image, job: ChatJob) -> Medium | None:
    """A picture that the model sees, as tools know it; None: it is of a format that they do not take."""
    file = job.blobs[image.sha256]
    return Medium("image", sha256=image.sha256, data=file) if known_kind(file) == "image" else None


def _line(medium: Medium, about: str, handles: Handles) -> str:
    handle = handles.add(medium)
    if handle is None:
        return f"[{medium.kind}, {about or 'shown here'}: this conversation has too many for tools to work with]"
    return f"[{medium.kind} {handle}{', ' if about else ''}{about}]"
