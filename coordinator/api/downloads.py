"""/downloads: the worker as wheels, and its installer, for whoever can reach the coordinator.

`/downloads/simple/ENGINE` is an index for pip and uv (PEP 503), with the hash of every file; each compiled engine
has one of its own.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

from coordinator.api.client_place import client_place
from coordinator.downloads import INSTALLER, MANIFEST, Download, Downloads
from coordinator.identity.identity import Identity
from wire.errors import ErrorCode, SupernetError

MAX_AT_ONCE = 64  # files on their way; each may be a slow reader's
MAX_OF_ONE = 8  # of these, for one range of addresses
TRANSFER_S = 900.0  # for one file: whoever is slower asks for the rest (Range)
RETRY_S = 10.0
FRESH = {"cache-control": "no-cache", "x-content-type-options": "nosniff"}
# The name of a wheel has its version, and whoever installs it holds it against a hash.
KEPT = {"cache-control": "public, max-age=86400", "x-content-type-options": "nosniff"}


@dataclass
class DownloadsApi:
    """The endpoints below /downloads. `served` None: the operator serves none, and all of it is 404. `image`: of
    containers, if the operator names one."""

    served: Downloads | None
    identity: Identity
    image: str | None = None
    _at_once: Counter[str] = field(default_factory=Counter)  # files on their way to each range of addresses

    async def show(self, request: Request) -> Response:
        """What there is, for pages and for `supernet-worker --check`."""
        served = self.served
        told = {
            "object": "downloads",
            "version": served.version if served else None,
            "engines": sorted(served.engines) if served else [],
            "installer_sha256": served.files[INSTALLER].sha256 if served else None,
            "image": self.image,
        }
        return JSONResponse(told, headers=FRESH)

    async def file(self, request: Request) -> Response:
        """A file by its name, or a part of it (Range). Raises overloaded."""
        found = self._served().files.get(request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        place = client_place(self.identity, request)
        if self._at_once.total() >= MAX_AT_ONCE or self._at_once[place] >= MAX_OF_ONE:
            message = "Many files are being fetched now: try again in a moment."
            raise SupernetError(ErrorCode.OVERLOADED, message, retry_after_s=RETRY_S)
        headers = {**(FRESH if found.name in (MANIFEST, INSTALLER) else KEPT), "etag": f'"{found.sha256}"'}
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        kind = "text/plain" if found.name == INSTALLER else None  # a browser shows it: read before you run it
        return _Counted(self, place, FileResponse(found.path, headers=headers, media_type=kind))

    @contextmanager
    def under_way(self, place: str) -> Iterator[None]:
        """Count a file until it is sent, or its reader has left."""
        self._at_once[place] += 1
        try:
            yield
        finally:
            self._at_once[place] -= 1
            if not self._at_once[place]:
                del self._at_once[place]

    async def index(self, request: Request) -> Response:
        """The packages of an engine's index."""
        engine, projects = self._packages(request)
        links = [f'<a href="/downloads/simple/{engine}/{name}/">{name}</a><br>' for name in sorted(projects)]
        return _page(links)

    async def project(self, request: Request) -> Response:
        """The files of one package."""
        files = self._packages(request)[1].get(request.path_params["project"])
        if files is None:
            raise HTTPException(404)
        return _page([_link(file) for file in files])

    def _packages(self, request: Request) -> tuple[str, dict[str, list[Download]]]:
        served, engine = self._served(), request.path_params["engine"]
        if engine not in served.engines:
            raise HTTPException(404)
        projects: dict[str, list[Download]] = {}
        for file in served.packages(engine):
            projects.setdefault(str(file.project), []).append(file)
        return engine, projects

    def _served(self) -> Downloads:
        if self.served is None:
            raise HTTPException(404)
        return self.served


class _Counted(Response):
    """A file's response, which counts as under way while it is sent, and is cut off after TRANSFER_S."""

    def __init__(self, api: DownloadsApi, place: str, response: Response) -> None:
        super().__init__()
        self._api = api
        self._place = place
        self._response = response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._api.under_way(self._place):
            try:
                async with asyncio.timeout(TRANSFER_S):
                    await self._response(scope, receive, send)
            except TimeoutError:
                return  # the server closes the connection, and its reader sees that something is missing


def _link(file: Download) -> str:
    name = escape(file.name)
    return f'<a href="/downloads/{name}#sha256={file.sha256}">{name.rpartition("/")[2]}</a><br>'


def _page(links: list[str]) -> Response:
    head = '<!doctype html><meta name="pypi:repository-version" content="1.0"><title>Packages</title>'
    return HTMLResponse("".join([head, *links]), headers=FRESH)
