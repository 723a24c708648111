"""The pictures, sounds and films of a conversation, each with a handle that a model can write: `media:1`.

They are numbered in the order in which the conversation has them, so a handle stays the same in its next request: files
that the client sent, links of ours in its texts, and then what was made in this request. A link in the text is a name
too. Any other address is refused: to fetch it would have this server look into whatever network it stands in.
"""

import re
from binascii import Error, a2b_base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import get_args

from coordinator.attachment import Kind
from wire.media import MAX_IMAGE_BYTES, MAX_SOUND_BYTES, MAX_VIDEO_BYTES

KINDS: tuple[Kind, ...] = get_args(Kind)
MOST_BYTES: dict[Kind, int] = {"image": MAX_IMAGE_BYTES, "audio": MAX_SOUND_BYTES, "video": MAX_VIDEO_BYTES}
WORDS: dict[Kind, str] = {"image": "picture", "audio": "sound", "video": "film"}
FORMATS: dict[Kind, str] = {
    "image": "PNG, JPEG or WebP",
    "audio": "MP3, M4A, FLAC or WAV",
    "video": "MP4 or MOV",
}
MOST = 256  # of one conversation that have a handle: the first ones
_HANDLE = re.compile(r"media:(\d{1,4})")
_FILE = re.compile(r"/m/([A-Za-z0-9_-]{22})\.(png|jpg|webp|mp4|mp3|flac|wav)\b")
_STARTS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"ID3": "audio/mpeg",
    b"fLaC": "audio/flac",
}
_KIND_OF: dict[str, Kind] = {"mp4": "video", "mp3": "audio", "flac": "audio", "wav": "audio"}  # the others: pictures


class NoSuchMedia(Exception):
    """An argument names nothing that can be had. The text is for the model: what is wrong and what it can do."""


@dataclass(frozen=True)
class Medium:
    """One thing of the conversation. `sha256` of a file that the client sent with it; `artefact`: the id of one that is
    stored here. One of the two is empty. `verified`: the file has been read whole in a process of its own, and `data`
    is what is left of it without its metadata."""

    kind: Kind
    sha256: str = ""
    artefact: str = ""
    data: bytes = field(default=b"", repr=False)  # of a file that came with the request
    verified: bool = False


@dataclass
class Handles:
    """The media of one request. `public_url`: where our own links begin, without a slash at its end."""

    public_url: str
    media: list[Medium] = field(default_factory=list)

    def add(self, medium: Medium) -> str | None:
        """The handle of a medium, a new one unless it has one; None when there are too many."""
        if medium in self.media:
            return _handle(self.media.index(medium))
        if len(self.media) >= MOST:
            return None
        self.media.append(medium)
        return _handle(len(self.media) - 1)

    def add_links(self, text: str) -> None:
        """Give a handle to each thing of ours that the text has a link to."""
        for artefact, ending in links(text, self.public_url):
            self.add(Medium(_KIND_OF.get(ending, "image"), artefact=artefact))

    def find(self, name: str, kind: Kind) -> Medium:
        """What an argument names: a handle, a link of ours, or a data URI. Raises NoSuchMedia."""
        text = name.strip()
        if (handle := _HANDLE.fullmatch(text.strip("[]() "))) is not None:
            place = int(handle[1])
            if not 1 <= place <= len(self.media):
                raise NoSuchMedia(f"there is no {text[:16]} in this conversation: {self._known(kind)}")
            return self._of_kind(self.media[place - 1], text, kind)
        if text[:5].lower() == "data:":
            return _from_uri(text, kind)
        for artefact, ending in links(text, self.public_url):
            return self._of_kind(Medium(_KIND_OF.get(ending, "image"), artefact=artefact), text, kind)
        raise NoSuchMedia(
            f"'{text[:64]}' is no {WORDS[kind]} of this conversation, and nothing else is fetched: {self._known(kind)}"
        )

    def only(self, kind: Kind) -> Medium:
        """The one thing of this kind, where an argument that must name it is missing. Raises NoSuchMedia."""
        found = [medium for medium in self.media if medium.kind == kind]
        if len(found) != 1:
            raise NoSuchMedia(f"say which {WORDS[kind]}: {self._known(kind)}")
        return found[0]

    def _of_kind(self, medium: Medium, name: str, kind: Kind) -> Medium:
        if medium.kind != kind:
            raise NoSuchMedia(f"{name[:64]} is a {WORDS[medium.kind]} and no {WORDS[kind]}: {self._known(kind)}")
        return medium

    def _known(self, kind: Kind) -> str:
        names = [_handle(place) for place, medium in enumerate(self.media) if medium.kind == kind]
        if not names:
            return f"this conversation has no {WORDS[kind]}, so ask the user for one"
        return f"there is {', '.join(names[:16])}"


def _handle(place: int) -> str:
    return f"media:{place + 1}"


def links(text: str, public_url: str) -> Iterable[tuple[str, str]]:
    """(id, ending) of every link of ours in a text, in order."""
    if not public_url or "/m/" not in text:
        return
    for found in _FILE.finditer(text):
        if text.endswith(public_url, 0, found.start()):
            yield found[1], found[2]


def known_type(file: bytes) -> str | None:
    """The media type of a file, by its first bytes; None: none of the formats that are taken."""
    for start, media_type in _STARTS.items():
        if file.startswith(start):
            return media_type
    if file[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(file[8:12])
    if len(file) > 2 and file[0] == 0xFF and file[1] & 0xE6 == 0xE2:  # a frame of MPEG audio, layer 3
        return "audio/mpeg"
    if file[4:8] == b"ftyp":
        return "audio/mp4" if file[8:11] == b"M4A" else "video/mp4"
    return None


def known_kind(file: bytes) -> Kind | None:
    """What a file is, by its first bytes; None: none of the formats that are taken."""
    media_type = known_type(file) or ""
    return next((kind for kind in KINDS if media_type.startswith(kind)), None)


def medium_of(file: bytes, kind: Kind) -> Medium:
    """A file that came with a request, if it is of this kind. Raises NoSuchMedia."""
    if known_kind(file) != kind:
        raise NoSuchMedia(f"its bytes are not those of a {WORDS[kind]} that can be read: send {FORMATS[kind]}")
    if len(file) > MOST_BYTES[kind]:
        raise NoSuchMedia(f"it has {len(file):,} bytes, and a {WORDS[kind]} at most {MOST_BYTES[kind]:,}")
    return Medium(kind, sha256=sha256(file).hexdigest(), data=file)


def _from_uri(text: str, kind: Kind) -> Medium:
    head, comma, payload = text.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise NoSuchMedia("this data URI is not in base64: name the file by its handle, such as media:1")
    try:
        return medium_of(a2b_base64(payload.encode("ascii"), strict_mode=True), kind)
    except (Error, UnicodeEncodeError):
        raise NoSuchMedia("this data URI is no valid base64: name the file by its handle, such as media:1") from None
