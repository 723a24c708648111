"""The paths of media: the files of an account, and their links."""

from collections.abc import Callable
from typing import Any

from coordinator.api.media import MOST_LISTED, REASON_CHARS
from coordinator.artefacts.names import EXTENSIONS, ORIGINS
from tools.openapi.answers import COUNT, TEXT, listed, thing

Schema = dict[str, Any]
Do = Callable[..., Schema]

_MEASURE: Schema = {"type": "number", "minimum": 0}
FILE = thing(
    {
        "object": {"const": "media"},
        "id": TEXT,
        "url": {"type": "string", "description": "A link for anybody, until it expires."},
        "media_type": {"enum": [*EXTENSIONS]},
        **dict.fromkeys(("bytes", "width", "height", "frames"), COUNT),
        **dict.fromkeys(("fps", "seconds"), _MEASURE),
        "sha256": TEXT,
        "origin": {"enum": [*ORIGINS]},
        **dict.fromkeys(("created", "expires"), COUNT),
    }
)
_END: Schema = {"type": ["string", "null"]}
_PAGE = thing(
    {
        "object": {"const": "list"},
        "data": listed(FILE),
        "first_id": _END,
        "last_id": _END,
        "has_more": {"type": "boolean"},
    }
)
_ID: Schema = {"name": "media_id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
_BYTES: Schema = {"type": "string", "format": "binary"}
_PART: Schema = {"type": "object", "properties": {"file": _BYTES}, "required": ["file"]}
REPORT: Schema = {
    "type": "object",
    "properties": {"reason": {"type": "string", "minLength": 1, "maxLength": REASON_CHARS}},
    "required": ["reason"],
    "additionalProperties": False,
}


def paths(operation: Do) -> Schema:
    create = operation("post", "Send a picture, film or sound.", FILE, 201, 400, 413, 422, 429, 503)
    kinds = {media_type: {"schema": _BYTES} for media_type in EXTENSIONS}
    content = {**kinds, "multipart/form-data": {"schema": _PART}}
    create["post"]["requestBody"] = {"required": True, "content": content}
    pages = operation("get", "The files of the account, newest first.", _PAGE, 200, 400, 404, 429, 503)
    most = {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": 20}
    pages["get"]["parameters"] = [
        {"name": "after", "in": "query", "schema": TEXT, "description": "The id of the last one of the page before."},
        {"name": "limit", "in": "query", "schema": most},
    ]
    deleted = thing({"object": {"const": "media.deleted"}, "id": TEXT, "deleted": {"const": True}})
    reported = thing({"object": {"const": "media.report"}, "id": TEXT})
    return {
        "/v1/media": {**create, **pages},
        "/v1/media/{media_id}": {
            "parameters": [_ID],
            **operation("get", "One file.", FILE, 200, 404, 410, 429, 503),
            **operation("delete", "Delete a file, at once.", deleted, 200, 404, 429, 503),
        },
        "/v1/media/{media_id}/report": {
            "parameters": [_ID],
            **operation("post", "Tell the operator of a file.", reported, 201, 400, 404, 429, 503, body="MediaReport"),
        },
    }
