"""The pages of the dashboard and their files, and the document of the API."""

from dataclasses import dataclass, field
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from coordinator.api.elsewhere import instead
from coordinator.dashboard.files import HEADERS, PAGE, File, read_files

OPENAPI = Path(__file__).with_name("openapi.json").read_bytes()  # `scripts/openapi` reads it off the readers


@dataclass(frozen=True)
class Pages:
    """Serves every page as the same document, whose script shows the page of the address, or that there is none."""

    files: dict[str, File] = field(default_factory=read_files)

    async def page(self, request: Request) -> Response:
        """Where a program may have meant another path it is told so in JSON: a page would only confuse it."""
        if instead(request.url.path) and "text/html" not in request.headers.get("accept", ""):
            raise HTTPException(404)
        return response(self.files[PAGE], request)

    async def file(self, request: Request) -> Response:
        """Looked up by name: nothing that a client sends ever becomes a path on the disk."""
        found = self.files.get(request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        return response(found, request)

    def not_found(self, request: Request) -> Response:
        return response(self.files[PAGE], request, 404)


def response(file: File, request: Request, status: int = 200) -> Response:
    """The file, gzipped if the client takes that; 304 without a body if the client has this version already."""
    headers = {**HEADERS, "etag": file.etag}
    known = request.headers.get("if-none-match", "")
    if status == 200 and file.etag in (tag.strip().removeprefix("W/") for tag in known.split(",")):
        return Response(status_code=304, headers=headers)
    if file.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.packed, status, {**headers, "content-encoding": "gzip"}, file.kind)
    return Response(file.plain, status, headers, file.kind)


async def openapi(request: Request) -> Response:
    return Response(OPENAPI, media_type="application/json")
