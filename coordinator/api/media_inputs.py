"""What a request is to be made from, ready for a worker: verified and decoded in a child, pictures turned as their EXIF
says, without metadata. What came with the request is not kept."""

from dataclasses import dataclass, field
from hashlib import sha256

from coordinator.artefact import Artefact
from coordinator.artefacts import rows
from coordinator.artefacts.artefacts import Artefacts
from coordinator.artefacts.facts import Facts
from coordinator.artefacts.names import kind_of
from coordinator.attachment import Attachment
from coordinator.clock import now_ms
from coordinator.media.handles import Medium, known_type
from coordinator.openai.media.sources import Source
from wire.errors import ErrorCode, SupernetError, invalid
from wire.media import MAX_IMAGE_BYTES

OURS = (ErrorCode.NOT_FOUND, ErrorCode.EXPIRED, ErrorCode.INVALID_MEDIA, ErrorCode.REQUEST_TOO_LARGE)
FORMATS = {"image/jpeg": "JPEG", "audio/mpeg": "MP3", "audio/mp4": "M4A"}  # the others are called as they end


@dataclass(frozen=True)
class Input:
    """A picture as the worker gets it."""

    sha256: str
    width: int
    height: int
    data: bytes = field(repr=False)


async def read_input(artefacts: Artefacts, account: str, source: Source) -> Input:
    """The picture of a source. Raises invalid_request with its place for one that cannot be read, overloaded."""
    try:
        return await (_stored(artefacts, account, source.link) if source.link else _sent(artefacts, account, source))
    except SupernetError as error:
        raise _placed(error, source.path, source.link) from error


async def read_attachment(artefacts: Artefacts, account: str, one: Attachment) -> tuple[Medium | None, str]:
    """A thing that a chat brings for its tools, and what it is in the words that a model is told; None for one of an
    earlier answer that is gone. Raises as `read_input` does."""
    try:
        if one.job and (made := await artefacts.ask(rows.find_made, account, one.job, now_ms())):
            return _kept(made)
        if one.refused is None and not one.file:
            return None, ""
        if one.link:
            artefact = await artefacts.get(account, one.link)
            kind = kind_of(artefact.media_type)
            if one.kind not in (None, kind):
                raise SupernetError(ErrorCode.INVALID_MEDIA, f"The media is {artefact.media_type}, and no {one.kind}.")
            return _kept(artefact)
        facts, data = await artefacts.read_sent(account, one.file, known_type(one.file) or "")
    except SupernetError as error:
        if one.refused is None and error.code in OURS:
            return None, ""
        raise _placed(error, one.path, one.link) from error
    return Medium(kind_of(facts.media_type), sha256=sha256(data).hexdigest(), data=data, verified=True), _words(facts)


def _kept(artefact: Artefact) -> tuple[Medium, str]:
    facts = Facts(artefact.media_type, artefact.width, artefact.height, seconds=artefact.seconds)
    return Medium(kind_of(artefact.media_type), artefact=artefact.id), _words(facts)


def _words(facts: Facts) -> str:
    """`1024x768 PNG`, `12 s MP3`, `640x480, 5 s MP4`."""
    size = f"{facts.width}x{facts.height}" if facts.width else ""
    long = f"{facts.seconds:.0f} s" if facts.seconds else ""
    format = FORMATS.get(facts.media_type) or facts.media_type.partition("/")[2].upper()
    return f"{', '.join(filter(None, (size, long)))} {format}"


def _placed(error: SupernetError, path: str, link: str) -> SupernetError:
    """The error with its place in the request, if it is about what stands there."""
    if error.code not in OURS:
        return error
    why = error.message[:1].lower() + error.message[1:].rstrip(".")
    if link and error.code is ErrorCode.NOT_FOUND:
        why = "it is no link of media of this account, and nothing is fetched from elsewhere: send the file itself"
    return invalid(path, f"Invalid '{path}': {why}.")


async def _stored(artefacts: Artefacts, account: str, link: str) -> Input:
    artefact = await artefacts.get(account, link)
    if kind_of(artefact.media_type) != "image":
        raise SupernetError(ErrorCode.INVALID_MEDIA, f"The media is {artefact.media_type}, and no picture.")
    data = await artefacts.read(account, link, MAX_IMAGE_BYTES)
    return Input(artefact.sha256, artefact.width, artefact.height, data)


async def _sent(artefacts: Artefacts, account: str, source: Source) -> Input:
    facts, data = await artefacts.read_sent(account, source.file, source.media_type)
    return Input(sha256(data).hexdigest(), facts.width, facts.height, data)
