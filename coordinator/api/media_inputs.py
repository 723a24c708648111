"""The pictures of a request for media made ready for a worker: verified and decoded in a child, turned as their EXIF
says, without metadata. They are not kept."""

import asyncio
from dataclasses import dataclass, field
from hashlib import sha256

from coordinator.artefacts.artefacts import Artefacts
from coordinator.artefacts.names import kind_of
from coordinator.artefacts.staging import Sent
from coordinator.openai.media.sources import Source
from wire.errors import ErrorCode, SupernetError, invalid
from wire.media import MAX_IMAGE_BYTES

OURS = (ErrorCode.NOT_FOUND, ErrorCode.EXPIRED, ErrorCode.INVALID_MEDIA, ErrorCode.REQUEST_TOO_LARGE)


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
        if error.code not in OURS:
            raise
        why = error.message[:1].lower() + error.message[1:].rstrip(".")
        if source.link and error.code is ErrorCode.NOT_FOUND:
            why = "it is no link of media of this account, and nothing is fetched from elsewhere: send the file itself"
        raise invalid(source.path, f"Invalid '{source.path}': {why}.") from error


async def _stored(artefacts: Artefacts, account: str, link: str) -> Input:
    artefact = await artefacts.get(account, link)
    if kind_of(artefact.media_type) != "image":
        raise SupernetError(ErrorCode.INVALID_MEDIA, f"The media is {artefact.media_type}, and no picture.")
    data = await artefacts.read(account, link, MAX_IMAGE_BYTES)
    return Input(artefact.sha256, artefact.width, artefact.height, data)


async def _sent(artefacts: Artefacts, account: str, source: Source) -> Input:
    with artefacts.staging.place() as path:
        await asyncio.to_thread(path.write_bytes, source.file)
        sent = Sent(path, sha256(source.file).hexdigest(), len(source.file))
        async with artefacts.verified(sent, source.media_type, account, "upload") as verified:
            data = await asyncio.to_thread(verified.path.read_bytes)
            return Input(verified.sha256, verified.facts.width, verified.facts.height, data)
