"""GET /m/ID.EXT: an artefact for whoever has its link, until it expires. No key: the id is 128 random bits.

What is served was verified and is of a short list of types; the headers keep a browser from taking it for anything
else, and from running anything if it does all the same.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response

from coordinator.artefact import Artefact
from coordinator.artefacts.artefacts import Artefacts
from coordinator.artefacts.names import EXTENSIONS, file_name, read_file_name
from coordinator.clock import now_ms
from wire.errors import ErrorCode, SupernetError

LOOKUPS = 16  # at a time: each asks the thread that books everybody's money, and nobody needs a key for one
WAITING = 256
NOT_EXECUTABLE = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox; default-src 'none'",
    "cross-origin-resource-policy": "cross-origin",
    "referrer-policy": "no-referrer",
}


@dataclass
class ArtefactLinks:
    """The endpoint of links. With objects elsewhere it answers with a link there, signed at that moment."""

    artefacts: Artefacts
    _places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(LOOKUPS))
    _waiting: int = 0

    async def show(self, request: Request) -> Response:
        """Answer with the bytes, or some of them (Range). Raises not_found, expired, overloaded."""
        return await served(request, self.artefacts, await self._find(request.path_params["name"]))

    async def _find(self, name: str) -> Artefact:
        found = read_file_name(name)
        if found is None:
            raise _unknown()
        if self._waiting == WAITING:
            raise SupernetError(ErrorCode.OVERLOADED, "Too many links are looked up: try again.", retry_after_s=1.0)
        self._waiting += 1
        try:
            async with self._places:
                artefact = (await self.artefacts.find(found[0])).artefact
        finally:
            self._waiting -= 1
        if EXTENSIONS[artefact.media_type] != found[1]:
            raise _unknown()
        return artefact


async def served(request: Request, artefacts: Artefacts, artefact: Artefact) -> Response:
    """The bytes, or some of them (Range), with headers that keep a browser from running anything. Raises overloaded."""
    download = request.query_params.get("download") == "1"
    headers = NOT_EXECUTABLE | {"etag": f'"{artefact.sha256}"', "cache-control": _cache(artefact)}
    if _known(request.headers, artefact):
        return Response(status_code=304, headers=headers)
    place = await artefacts.place(artefact)
    if isinstance(place, str):
        return RedirectResponse(place, 302, NOT_EXECUTABLE | {"cache-control": "no-store"})
    try:
        stat = await asyncio.to_thread(place.stat)
    except FileNotFoundError:  # deleted at this moment, or by hand
        raise SupernetError(ErrorCode.EXPIRED, "This media's bytes are gone.") from None
    return FileResponse(
        place,
        stat_result=stat,
        headers=headers,
        media_type=artefact.media_type,
        filename=f"supernet-{file_name(artefact.id, artefact.media_type)}",
        content_disposition_type="attachment" if download else "inline",
    )


def _cache(artefact: Artefact) -> str:
    left_s = max(0, artefact.expires_ms - now_ms()) // 1000
    return f"private, immutable, max-age={left_s}"


def _known(headers: Mapping[str, str], artefact: Artefact) -> bool:
    """Whether the client says that it has exactly these bytes."""
    if headers.get("if-none-match", "").strip() == "*":
        return True
    tags = {tag.strip().removeprefix("W/") for tag in headers.get("if-none-match", "").split(",")}
    return f'"{artefact.sha256}"' in tags


def _unknown() -> SupernetError:
    return SupernetError(ErrorCode.NOT_FOUND, "There is no such media.")
