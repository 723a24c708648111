"""The files of the dashboard: read once, served with the headers that keep a page to itself.

The policy lets a page run and load only what this coordinator serves: no inline script or style, no other host, no
frame around it; and `require-trusted-types-for` has the browser itself refuse to make HTML out of a text.
"""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import HTTPException

FOLDER = Path(__file__).parent / "static"
PAGE = "index.html"
PAGES = ("/", "/playground", "/account", "/workers/{worker}")
MIN_GZIP_BYTES = 1024
TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    # Kept, but asked about every time: an upgraded coordinator must never meet half of its old pages.
    "cache-control": "no-cache",
    "vary": "accept-encoding",
}


@dataclass(frozen=True)
class File:
    """One file as it is sent."""

    kind: str
    plain: bytes
    packed: bytes | None  # gzip; None where it is not worth it
    etag: str

    def response(self, request: Request, status: int = 200) -> Response:
        headers = {**HEADERS, "etag": self.etag}
        asked = request.headers.get("if-none-match", "")
        if status == 200 and self.etag in (tag.strip().removeprefix("W/") for tag in asked.split(",")):
            return Response(status_code=304, headers=headers)
        if self.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(self.packed, status, {**headers, "content-encoding": "gzip"}, self.kind)
        return Response(self.plain, status, headers, self.kind)


def read_files(folder: Path = FOLDER) -> dict[str, File]:
    """All files under their names: no name of a request ever becomes a path."""
    return {path.name: _read(path) for path in sorted(folder.iterdir()) if path.is_file()}


def _read(path: Path) -> File:
    plain = path.read_bytes()
    packed = gzip.compress(plain, mtime=0) if len(plain) >= MIN_GZIP_BYTES and path.suffix in TYPES else None
    kind = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return File(kind, plain, packed, f'"{hashlib.sha256(plain).hexdigest()[:16]}"')


def add_files(app: FastAPI) -> None:
    """Every page is the same document: its script looks at the address, also at one that leads nowhere."""
    files = read_files()
    app.state.nothing_here = files[PAGE]

    async def page(request: Request) -> Response:
        return files[PAGE].response(request)

    async def file(request: Request) -> Response:
        found = files.get(request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        return found.response(request)

    for path in PAGES:
        app.add_api_route(path, page, methods=["GET", "HEAD"], response_model=None, include_in_schema=False)
    app.add_api_route("/web/{name}", file, methods=["GET", "HEAD"], response_model=None, include_in_schema=False)
