"""The files of the dashboard, read once, and the headers that they are served with.

The policy lets a page run and load only what this coordinator serves, films and music too: no inline script or
style, no other host, no frame around it; `data:` is for the pictures that the playground shows before it sends them,
and cannot call out; and `require-trusted-types-for` has the browser itself refuse to make HTML out of a text.
"""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "static"
PAGE = "index.html"
MIN_GZIP_BYTES = 1024
TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "media-src 'self'",
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
    """One file, ready to be sent. `kind` is its content type."""

    kind: str
    plain: bytes
    packed: bytes | None  # gzip; None where it is not worth it
    etag: str


def read_files(folder: Path = FOLDER) -> dict[str, File]:
    """All files under their names, `folder/name` where they lie in one: no name of a request ever becomes a path."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): _read(path) for path in paths}


def _read(path: Path) -> File:
    plain = path.read_bytes()
    packed = gzip.compress(plain, mtime=0) if len(plain) >= MIN_GZIP_BYTES and path.suffix in TYPES else None
    kind = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return File(kind, plain, packed, f'"{hashlib.sha256(plain).hexdigest()[:16]}"')
