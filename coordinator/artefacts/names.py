"""What an artefact is called: its id, its link, and the ending of its file by media type. Nothing else names one."""

import re
from typing import Literal, get_args

Origin = Literal["upload", "made"]
ORIGINS: tuple[Origin, ...] = get_args(Origin)
EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "video/mp4": "mp4",
    "audio/mpeg": "mp3",
    "audio/flac": "flac",
    "audio/wav": "wav",
}
# What clients write in place of the types above.
OTHER_NAMES = {
    "image/jpg": "image/jpeg",
    "audio/mp3": "audio/mpeg",
    "audio/x-flac": "audio/flac",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
}
ID = re.compile(r"[A-Za-z0-9_-]{22}")  # 128 random bits in base64url
_FILE = re.compile(rf"({ID.pattern})\.({'|'.join(EXTENSIONS.values())})")
MOST_URL_CHARS = 512  # of an operator's own address, which is far shorter


def media_type_of(content_type: str) -> str | None:
    """The media type that a Content-Type means, without its parameters; None: it is none that is stored here."""
    name = content_type.partition(";")[0].strip().lower()
    name = OTHER_NAMES.get(name, name)
    return name if name in EXTENSIONS else None


def kind_of(media_type: str) -> Literal["image", "video", "audio"]:
    """What it is, to look at or to hear."""
    if media_type.startswith("image/"):
        return "image"
    return "video" if media_type.startswith("video/") else "audio"


def file_name(artefact_id: str, media_type: str) -> str:
    """The last part of its link: `ID.png`."""
    return f"{artefact_id}.{EXTENSIONS[media_type]}"


def link(base: str, artefact_id: str, media_type: str) -> str:
    """The whole link. `base`: the coordinator's address, without a slash at its end."""
    return f"{base}/m/{file_name(artefact_id, media_type)}"


def read_file_name(name: str) -> tuple[str, str] | None:
    """The id and the ending of a link's last part; None: no artefact is called so."""
    found = _FILE.fullmatch(name)
    return (found[1], found[2]) if found else None


def id_of(name: str, base: str) -> str | None:
    """The id in an id, or in a link of ours, whole or from its path on; None: it is neither. A link of another address
    is none of ours, whatever stands behind it."""
    if ID.fullmatch(name):
        return name
    if len(name) > MOST_URL_CHARS:
        return None
    found = read_file_name(name.removeprefix(base).partition("?")[0].removeprefix("/m/"))
    return found[0] if found and name.startswith((f"{base}/m/", "/m/")) else None
