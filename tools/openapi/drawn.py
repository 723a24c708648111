"""The paths of the direct endpoints of media, pictures and films, and what they answer."""

from collections.abc import Callable
from typing import Any, get_args

from coordinator.api.videos import MEDIA_TYPE, MOST_ON_A_PAGE, PAGE
from coordinator.openai.media.images_request import FORMATS
from coordinator.openai.media.videos import Status
from tools.compat.fields import Api
from tools.openapi import media_requests as asked
from tools.openapi.answers import COUNT, TEXT, TEXT_OR_NULL, listed, thing
from tools.openapi.requests import Describer

Schema = dict[str, Any]
Do = Callable[..., Schema]

_SIZE: Schema = {"type": "string", "pattern": "^[0-9]+x[0-9]+$"}
_IMAGES = thing(
    {
        "created": COUNT,
        "data": {
            **listed(thing({"b64_json": TEXT, "url": TEXT}, "b64_json", "url")),
            "description": "Each as base64, or as a link for anybody with `response_format` url.",
        },
        "output_format": {"enum": [*FORMATS]},
        "background": {"const": "opaque"},
        "model": TEXT,
        "size": _SIZE,
        "usage": {
            **thing({name: {"const": 0} for name in ("input_tokens", "output_tokens", "total_tokens")}),
            "description": "What it cost. Pictures are not made of tokens.",
        },
        "warnings": {**listed(TEXT), "description": "How many of several could not be made, and why. They are free."},
    },
    "warnings",
)

_TIME: Schema = {"type": ["integer", "null"], "description": "Unix seconds."}
_VIDEO = thing(
    {
        "id": TEXT,
        "object": {"const": "video"},
        "model": TEXT,
        "status": {"enum": [*get_args(Status)]},
        "progress": {"type": "integer", "minimum": 0, "maximum": 100},
        "created_at": COUNT,
        "completed_at": _TIME,
        "expires_at": _TIME,
        "size": _SIZE,
        "seconds": TEXT,
        "error": {"anyOf": [thing({"code": TEXT, "message": TEXT}), {"type": "null"}]},
        "remixed_from_video_id": {"type": "null"},
        "url": {**TEXT, "description": "A link for anybody, of a completed film until it expires."},
    },
    "url",
)
_PAGE = thing(
    {
        "object": {"const": "list"},
        "data": listed({"$ref": "#/components/schemas/Video"}),
        "first_id": TEXT_OR_NULL,
        "last_id": TEXT_OR_NULL,
        "has_more": {"type": "boolean"},
    }
)
_DELETED = thing({"id": TEXT, "object": {"const": "video.deleted"}, "deleted": {"const": True}})
_ID: Schema = {"name": "video_id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
_BYTES: Schema = {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}
_STORE = (429, 503)


def schemas(generation: Api, edit: Api, video: Api) -> Schema:
    """What they take, and what they answer."""
    drawing = Describer(generation, asked.GENERATION, asked.MORE_PICTURE).schema([*asked.EXAMPLES_GENERATION.values()])
    edits = Describer(edit, asked.EDIT, asked.MORE_EDIT).schema([*asked.EXAMPLES_EDIT.values()])
    films = Describer(video, asked.VIDEO, asked.MORE_VIDEO).schema([*asked.EXAMPLES_VIDEO.values()])
    return {
        "ImageRequest": drawing,
        "ImageEditRequest": edits,
        "ImageEditForm": asked.as_form(edits, asked.EDIT_FILES),
        "Images": _IMAGES,
        "VideoRequest": films,
        "VideoForm": asked.as_form(films, asked.VIDEO_FILES),
        "Video": _VIDEO,
    }


def paths(ask: Do, operation: Do) -> Schema:
    """`ask`, `operation`: as in document.py."""
    events = "the events of the Images API, and an `error` where not all could be made"
    film = {"$ref": "#/components/schemas/Video"}
    create = ask(
        "Film. It is made whether or not its client stays.",
        "VideoRequest",
        "Video",
        "",
        asked.EXAMPLES_VIDEO,
        "VideoForm",
    )
    pages = operation("get", "The films of the account, newest first.", _PAGE, 200, 400, 404, *_STORE)
    pages["get"]["parameters"] = [
        {"name": "after", "in": "query", "schema": TEXT, "description": "The id of the last one of the page before."},
        {
            "name": "limit",
            "in": "query",
            "schema": {"type": "integer", "minimum": 1, "maximum": MOST_ON_A_PAGE, "default": PAGE},
        },
        {"name": "order", "in": "query", "schema": {"enum": ["asc", "desc"], "default": "desc"}},
    ]
    return {
        "/v1/images/generations": ask("Draw.", "ImageRequest", "Images", events, asked.EXAMPLES_GENERATION),
        "/v1/images/edits": ask(
            "Draw from other pictures.",
            "ImageEditRequest",
            "Images",
            events,
            asked.EXAMPLES_EDIT,
            "ImageEditForm",
        ),
        "/v1/videos": {**create, **pages},
        "/v1/videos/{video_id}": {
            "parameters": [_ID],
            **operation("get", "One film.", film, 200, 404, *_STORE),
            **operation("delete", "Forget a film and its file. One that runs is stopped.", _DELETED, 200, 404, *_STORE),
        },
        "/v1/videos/{video_id}/content": {"parameters": [_ID], **_content(operation)},
    }


def _content(operation: Do) -> Schema:
    made = operation("get", "The file of a completed film, or a part of it (Range).", {}, 200, 400, 404, 410, *_STORE)
    whole = made["get"]["responses"]["200"]
    whole["content"] = _BYTES
    made["get"]["responses"] |= {
        "206": {**whole, "description": "The part of it."},
        "302": {"description": "Where it lies."},
        "304": {"description": "The client has it."},
        "416": {"description": "No such part."},
    }
    made["get"]["parameters"] = [{"name": "variant", "in": "query", "schema": {"enum": ["video"]}}]
    return made
