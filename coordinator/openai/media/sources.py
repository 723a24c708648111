"""The pictures that a picture or a film is made from: files of a form, data URIs, links and ids of our own."""

from dataclasses import dataclass, field
from typing import Any

from coordinator.openai.fields import Fields, kind
from coordinator.openai.images import file_of, from_uri
from coordinator.openai.json_body import MAX_BODY_BYTES
from wire.errors import SupernetError, invalid
from wire.media import MAX_IMAGE_BYTES, MAX_IMAGES
from wire.media_catalog import MediaSpec
from wire.pictures import looks_like_one

MAX_NAME_CHARS = 512
STARTS = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}


@dataclass(frozen=True)
class Source:
    """One of them, at `path` in the request: its file and media type, or the `link` of media that we keep."""

    path: str
    file: bytes = field(default=b"", repr=False)
    media_type: str = ""
    link: str = ""

    @property
    def is_large(self) -> bool:
        """Whether it takes much memory, or may: of a link that is not known before it has been read."""
        return bool(self.link) or len(self.file) > MAX_BODY_BYTES


def read_file(path: str, file: bytes) -> Source:
    """A file as it came. Raises invalid_request for one that is no PNG, JPEG or WebP, or too large."""
    if len(file) > MAX_IMAGE_BYTES:
        raise _too_large(path, len(file))
    media_type = next((of for start, of in STARTS.items() if file.startswith(start)), None)
    if media_type is None or not looks_like_one(file):
        raise invalid(path, f"Invalid '{path}': expected a PNG, JPEG or WebP picture.")
    return Source(path, file, media_type)


def read_address(path: str, address: object) -> Source:
    """A picture by its address. Raises invalid_request for one that would have to be fetched from elsewhere."""
    if not isinstance(address, str):
        raise invalid(path, f"Invalid type for '{path}': expected a string, got {kind(address)}.")
    if address[:5].lower() == "data:":
        sent = from_uri(path, address, None)
        if len(sent.payload) // 4 * 3 > MAX_IMAGE_BYTES + 2:
            raise _too_large(path, len(sent.payload) // 4 * 3)
        return read_file(path, file_of(sent, MAX_IMAGE_BYTES + 2))
    if not address or len(address) > MAX_NAME_CHARS:
        raise invalid(path, f"Invalid '{path}': expected a data URI, or a link of media of this network.")
    return Source(path, link=address)


def read_pictures(fields: Fields, model: MediaSpec, files: tuple[Source, ...]) -> tuple[Source, ...]:
    """The pictures to edit: of the form, of `image`, or of `images`. Raises invalid_request for none, or too many."""
    sources = (*files, *_one_or_more(fields, "image"), *_objects(fields))
    most = min(MAX_IMAGES, model.limits.images or MAX_IMAGES)
    if not sources:
        raise invalid("image", f"Missing required parameter: 'image': 1 to {most} pictures to edit.")
    if len(sources) > most:
        raise invalid("image", f"Invalid 'image': {len(sources)} pictures, '{model.id}' takes at most {most}.")
    return sources


def _one_or_more(fields: Fields, name: str) -> list[Source]:
    value: Any = fields.take(name)
    if value is None:
        return []
    if not isinstance(value, list):
        return [read_address(name, value)]
    return [read_address(f"{name}[{place}]", one) for place, one in enumerate(_bounded(name, value))]


def _objects(fields: Fields) -> list[Source]:
    """OpenAI's way to say it in JSON: [{"image_url": "data:..."}]."""
    found = []
    for place, one in enumerate(_bounded("images", fields.array("images", 64) or [])):
        inner = type(fields)(one, f"images[{place}]")
        inner.refuse({"file_id": "no files are kept under ids of OpenAI's; POST /v1/media keeps one, for 'image_url'"})
        address = inner.take("image_url")
        inner.finish()
        found.append(read_address(f"images[{place}].image_url", address))
    return found


def _bounded(name: str, values: list[Any]) -> list[Any]:
    if len(values) > MAX_IMAGES:
        raise invalid(name, f"Invalid '{name}': {len(values)} pictures, at most {MAX_IMAGES} are accepted.")
    return values


def _too_large(path: str, size: int) -> SupernetError:
    most = MAX_IMAGE_BYTES // 2**20
    return invalid(path, f"Invalid '{path}': it has {size:,} bytes, and one picture at most {most} MiB.")
