"""The pictures of a request: taken out of data URIs, known by their first bytes, and counted.

Nothing is fetched: an address in a request would have this server look into whatever network it stands in. And nothing
is decoded: the worker does that, in a process of its own.
"""

import re
from binascii import Error, a2b_base64
from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import sha256
from math import isqrt
from typing import NamedTuple

from coordinator.attachment import Attachment
from coordinator.openai.fields import Fields
from coordinator.openai.json_body import MAX_BODY_BYTES
from wire.catalog import Catalog, ModelSpec
from wire.chat import Image
from wire.errors import ErrorCode, SupernetError, invalid
from wire.pictures import LOW_TOKENS, MAX_BYTES, MAX_BYTES_TOGETHER, MAX_PICTURES, MOST_TOKENS, PATCH, looks_like_one

# What a client can ask for, and the most tokens of such a picture.
DETAILS = {"auto": MOST_TOKENS, "low": LOW_TOKENS, "high": MOST_TOKENS, "original": MOST_TOKENS}
MEDIA_TYPES = ("image/jpeg", "image/jpg", "image/png", "image/webp", "image/gif")
FORMATS = "Pictures are JPEG, PNG, WebP or GIF"
MAX_URI_HEAD = 256  # characters before the comma: a type and its parameters
STEP_CHARS = 256 * 1024  # of base64: the interpreter stands still for as long, and 10 MiB at once take 64 ms
HOW = "send the file itself, as 'data:image/png;base64,' and its bytes in base64"

# What the model is shown in place of a picture in a tool's result. It is not the client's choice but its tool's, and a
# refusal would end every later request of the same conversation too.
NO_PICTURE = "[left out: this model takes text only]"
NO_FILE = "[left out: files other than pictures are not read]"

# Of white space no more than this: to go over 16 MiB of it takes 0.3 s, in which the interpreter stands still.
_SCHEME = re.compile(r"\s{0,256}([A-Za-z][A-Za-z0-9+.-]{0,31}):")
_ELSEWHERE = ("file", "ftp", "blob", "cid", "content", "sandbox", "s3", "gs")  # schemes that are named in an answer
_SPACES = b" \t\r\n\x0b\x0c"

_BRANDS = {b"hei": "heic", b"hev": "heic", b"mif": "heic", b"msf": "heic", b"avi": "avif"}  # of ISO's media files

# What is sent in place of a picture: a word of its media type -> what would help.
_CONVERT: Mapping[str, str] = {
    "svg": "SVG is a drawing: draw it as PNG first",
    "heic": "it is HEIC: convert it to JPEG first",
    "heif": "it is HEIC: convert it to JPEG first",
    "avif": "it is AVIF: convert it to JPEG first",
    "pdf": "it is a PDF: send its pages as PNG",
    "bmp": "it is BMP: convert it to PNG first",
    "tiff": "it is TIFF: convert it to PNG first",
}


class Unreadable(SupernetError):
    """One picture of a request that cannot be read, whatever else is in the request."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(ErrorCode.INVALID_REQUEST, message, param=path)


def _unreadable(path: str, reason: str) -> Unreadable:
    return Unreadable(path, f"Invalid '{path}': {reason}.")


class Sent(NamedTuple):
    """A picture as it stands in the request at `path`: its declared media type, and its bytes in base64."""

    path: str
    declared: str
    payload: str
    detail: str | None = None


class Picture(NamedTuple):
    """A picture of which the request's blobs have the file."""

    sha256: str
    size_bytes: int
    most: int

    def at(self, place: int) -> Image:
        """The picture before the character `place` of its message's text."""
        return Image(at=place, sha256=self.sha256, size_bytes=self.size_bytes, most=self.most)


class Pictures:
    """The pictures of one request for a model, each checked and counted as it is read.

    `blobs`: their files by SHA-256. `places`: where in the request each stands. `seen`: the model has eyes.
    `attachable`: tools may be declared that take what the model does not see, which is in `attachments` then.
    """

    def __init__(self, model: ModelSpec, catalog: Catalog, attachable: bool = False) -> None:
        self.seen = model.projector is not None
        self.attachable = attachable
        self.attachments: list[Attachment] = []
        self.blobs: dict[str, bytes] = {}
        self.places: list[str] = []
        self._warnings: list[str] = []
        self._catalog = catalog
        self._payload = 0  # characters of base64
        self._size = 0

    @property
    def text_only(self) -> str:
        """Why a model without eyes is shown none, and which models see."""
        seeing = ", ".join(spec.id for spec in self._catalog.models if spec.projector is not None)
        return f"this model takes text only. {f'Models that see pictures: {seeing}' if seeing else 'None here sees'}"

    def add(self, sent: Sent) -> Picture:
        """Take a picture. Raises Unreadable for what is wrong with it, SupernetError for what is too much."""
        self.count(sent)
        file = file_of(sent)
        if len(self.places) == MAX_PICTURES:
            message = f"Invalid '{sent.path}': more than {MAX_PICTURES} pictures. Leave out those of earlier turns."
            raise invalid(sent.path, message)
        name = sha256(file).hexdigest()
        self._size += 0 if name in self.blobs else len(file)
        if self._size > MAX_BYTES_TOGETHER:
            most = MAX_BYTES_TOGETHER // 2**20
            message = f"Invalid '{sent.path}': with it the pictures have more than {most} MiB together. Send fewer, or "
            raise invalid(sent.path, f"{message}smaller ones: the model sees {_seen()} of each.")
        self.blobs[name] = file
        self.places.append(sent.path)
        return Picture(name, len(file), DETAILS[sent.detail or "auto"])

    def count(self, sent: Sent) -> None:
        """Note how much of the body a file is, before it is read: the rest has a bound of its own."""
        self._payload += len(sent.payload)

    def attach(self, message: int, attachments: Iterable[Attachment]) -> None:
        """Take what the message of this number brings for tools."""
        for one in attachments:
            if len(self.attachments) >= MAX_PICTURES and one.refused is None:
                continue  # of an earlier answer: it can still be spoken of
            if len(self.attachments) == MAX_PICTURES:
                why = f"more than {MAX_PICTURES} files for tools. Leave out those of earlier turns."
                one = replace(one, fault=invalid(one.path, f"Invalid '{one.path}': {why}"), file=b"")
            if len(self.attachments) <= MAX_PICTURES:  # the first one too many is told, the others are not kept
                self.attachments.append(replace(one, message=message))

    def left_out(self, error: Unreadable) -> None:
        """Note that the model is shown words in place of a picture of a tool's."""
        self._warnings.append(f"a picture in a tool's result was left out. {error.message}")

    def finish(self, body: bytes, fields: Fields) -> None:
        """Have the answer say what was left out. Raises request_too_large if the body is so without its pictures."""
        for warning in self._warnings:
            fields.warn(warning)
        if (rest := len(body) - self._payload) > MAX_BODY_BYTES:
            beside = "beside its pictures " if self._payload else ""
            message = f"The request body has {beside}{rest} bytes: at most {MAX_BODY_BYTES} are accepted."
            raise SupernetError(ErrorCode.REQUEST_TOO_LARGE, message)


def from_uri(path: str, uri: str, detail: str | None) -> Sent:
    """The picture in a data URI. Raises Unreadable for every other address, with what to do."""
    scheme = _SCHEME.match(uri)
    name = scheme[1].lower() if scheme else ""
    if scheme is None or name != "data":
        if name in ("http", "https"):
            raise _unreadable(path, f"pictures are not fetched from other machines: {HOW}")
        what = f"a '{name}:' address cannot be read from here" if name in _ELSEWHERE else "this is no data URI"
        raise _unreadable(path, f"{what}: {HOW}")
    comma = uri.find(",", 0, scheme.end() + MAX_URI_HEAD)
    declared, *parameters = uri[scheme.end() : comma].split(";") if comma >= 0 else [""]
    if not parameters or parameters[-1].strip().lower() != "base64":
        raise _unreadable(path, f"this data URI is not in base64: {HOW}")
    return Sent(path, declared, uri[comma + 1 :], detail)


def file_of(sent: Sent, most: int = MAX_BYTES) -> bytes:
    """The bytes of the file, which is of one of the formats and has at most `most` bytes. Raises Unreadable."""
    declared = sent.declared.strip().lower()
    if declared not in MEDIA_TYPES:
        word = next((word for word in _CONVERT if word in declared), None)
        raise _unreadable(sent.path, _other(word, "its media type is none that can be read"))
    bound = f"one picture at most {most // 2**20} MiB. Send it smaller: the model sees {_seen()} of it"
    file = decoded(sent, most, bound)
    if not looks_like_one(file):
        raise _unreadable(sent.path, _other(_known(file), "its bytes are not those of a picture that can be read"))
    return file


def _other(word: str | None, unknown: str) -> str:
    return f"{_CONVERT[word] if word else unknown}. {FORMATS}"


def _known(file: bytes) -> str | None:
    """The word for a format that is often taken for a picture's, by the first bytes of a file."""
    head = file[:512].lstrip(b"\xef\xbb\xbf" + _SPACES).lower()
    if file[4:8] == b"ftyp":
        return _BRANDS.get(file[8:11])
    if head.startswith(b"<svg") or (head.startswith((b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in head):
        return "svg"
    starts = {b"%PDF-": "pdf", b"BM": "bmp", b"II*\x00": "tiff", b"MM\x00*": "tiff"}
    return next((word for start, word in starts.items() if file.startswith(start)), None)


def decoded(sent: Sent, most: int, bound: str) -> bytes:
    """The payload as bytes: strict base64, white space apart. Raises Unreadable; `bound` says in words what `most`
    is."""
    try:
        payload = sent.payload.encode("ascii")
    except UnicodeEncodeError:
        raise _no_base64(sent) from None
    if any(space in payload for space in _SPACES):
        payload = payload.translate(None, _SPACES)
    size = len(payload) // 4 * 3 - payload[-2:].count(b"=")
    if size > most:
        raise _unreadable(sent.path, f"it has {size:,} bytes, and {bound}")
    if not payload:
        raise _unreadable(sent.path, "it holds no bytes")
    if b"=" in payload[:-2]:
        raise _no_base64(sent)
    steps = range(0, len(payload), STEP_CHARS)
    try:
        return b"".join(a2b_base64(payload[step : step + STEP_CHARS], strict_mode=True) for step in steps)
    except Error:
        raise _no_base64(sent) from None


def _no_base64(sent: Sent) -> Unreadable:
    what = "it is not valid base64: the letters A-Z, a-z, 0-9, '+' and '/', with '=' at the end to a multiple of four"
    return _unreadable(sent.path, what)


def _seen() -> str:
    side = isqrt(MOST_TOKENS) * PATCH
    return f"about {side:,} x {side:,} pixels"
