"""What the direct endpoints of media take: what their readers take raw, and the same request as a form."""

from collections.abc import Mapping
from typing import Any

from coordinator.openai.media.video_request import MAX_SECONDS
from tools.compat.file_probes import PICTURE
from tools.openapi.raw import MORE_CHAT, SELF
from wire.media import MAX_IMAGE_BYTES, MAX_IMAGES

Schema = dict[str, Any]

_ADDRESS: Schema = {
    "type": "string",
    "minLength": 1,
    "description": "A PNG, JPEG or WebP as a data URI, of at most "
    f"{MAX_IMAGE_BYTES // 2**20} MiB, or a link or an id of media of this account. Nothing else is fetched.",
}
_ADDRESSES: Schema = {"type": "array", "items": _ADDRESS, "maxItems": MAX_IMAGES}
_TOKEN_TYPE: dict[str, Schema] = {"token_type": {"enum": ["auto", "spark", "sogni"]}}

GENERATION: dict[str, Schema] = _TOKEN_TYPE
EDIT: dict[str, Schema] = _TOKEN_TYPE | {
    "image": {"anyOf": [_ADDRESS, _ADDRESSES], "description": "What is edited. One at least, here or in 'images'."},
    "images[].image_url": _ADDRESS,
}
VIDEO: dict[str, Schema] = _TOKEN_TYPE | {
    "seconds": {
        "anyOf": [
            {"type": "integer", "minimum": 1, "maximum": MAX_SECONDS},
            {"enum": [str(seconds) for seconds in range(1, MAX_SECONDS + 1)]},
        ],
        "description": "No more than the pipeline makes.",
    },
    "input_reference": {"anyOf": [_ADDRESS, SELF], "description": "The picture with which the film begins."},
    "input_reference.image_url": _ADDRESS,
}

_MORE: dict[str, Schema] = {
    "model": {"description": "An id of GET /v1/models. Without it the first that a worker has ready."},
    "size": {"description": "A size that the pipeline makes: another is refused with the nearest. 'auto' is its own."},
    "steps": {"description": "No more than the pipeline takes."},
    "seed": MORE_CHAT["seed"],
}
MORE_PICTURE: dict[str, Schema] = _MORE | {"partial_images": {"description": "Needs 'stream'. Unfinished pictures."}}
MORE_EDIT: dict[str, Schema] = MORE_PICTURE | {"images": {"maxItems": MAX_IMAGES}}
MORE_VIDEO: dict[str, Schema] = _MORE

EXAMPLES_GENERATION: dict[str, Schema] = {
    "a picture": {"prompt": "A red fox in the snow"},
    "two, as links": {"prompt": "A red fox", "n": 2, "response_format": "url", "output_format": "webp"},
    "unfinished ones on the way": {"prompt": "A red fox", "stream": True, "partial_images": 2, "seed": 7},
}
EXAMPLES_EDIT: dict[str, Schema] = {
    "a picture": {"prompt": "Make it blue", "image": PICTURE},
    "of two": {"prompt": "Put the first into the second", "image": [PICTURE, PICTURE], "n": 2},
    "as objects": {"prompt": "Make it blue", "image": None, "images": [{"image_url": PICTURE}]},
}
EXAMPLES_VIDEO: dict[str, Schema] = {
    "a film": {"prompt": "A red fox runs through the snow"},
    "of four seconds": {"prompt": "A red fox runs", "seconds": "4", "fps": 16, "negative_prompt": "text"},
    "from a picture": {"prompt": "It begins to move", "input_reference": {"image_url": PICTURE}},
}

_FILE: Schema = {"type": "string", "format": "binary"}
EDIT_FILES: dict[str, Schema] = {
    "image": {
        "type": "array",
        "items": _FILE,
        "minItems": 1,
        "maxItems": MAX_IMAGES,
        "description": "PNG, JPEG or WebP. `image[]` is the same.",
    }
}
VIDEO_FILES: dict[str, Schema] = {"input_reference": {**_FILE, "description": "A PNG, JPEG or WebP."}}


def as_form(schema: Schema, files: Mapping[str, Schema]) -> Schema:
    """The schema of the same request as multipart/form-data, which has no null and no objects: files instead."""
    said = {name: _given(one) for name, one in schema["properties"].items() if name not in ("images", *files)}
    required = sorted({*schema["required"], *(name for name, one in files.items() if "minItems" in one)})
    return {**schema, "properties": said | dict(files), "required": required}


def _given(schema: Schema) -> Schema:
    """Without null; text where nothing says what it is."""
    given = dict(schema) if schema.keys() - {"description"} else {"type": "string", **schema}
    if isinstance(schema.get("type"), list):
        [given["type"]] = (kind for kind in schema["type"] if kind != "null")
    if "enum" in schema:
        given["enum"] = [value for value in schema["enum"] if value is not None]
    if "anyOf" in schema:
        given["anyOf"] = [kind for kind in schema["anyOf"] if kind != {"type": "null"}]
    return given
