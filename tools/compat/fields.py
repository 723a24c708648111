"""Every request field of all APIs and what comes of it, found out by asking the code that reads requests.

A field counts as honoured when a body with it makes another job than the body without, and the list of labels does not
have it; as taken or refused when the lists of the readers say so and a probe agrees. What a reader asks for and no
table knows is an error: see `unknown`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Protocol

from coordinator.anthropic import fields as messages_fields
from coordinator.anthropic import request as messages_request
from coordinator.openai import chat_request, field_table
from coordinator.openai.fields import Fields
from coordinator.openai.media import fields as media_fields
from coordinator.openai.media import images_request, video_request
from coordinator.openai.responses import fields as responses_fields
from coordinator.openai.responses import request as responses_request
from tools.compat import media_probes
from tools.compat.messages_probes import MESSAGES, MESSAGES_BASE, MESSAGES_REFUSED
from tools.compat.probes import CHAT, CHAT_BASE, CHAT_REFUSED, RESPONSES, RESPONSES_BASE, RESPONSES_REFUSED, Body, Probe
from wire.catalog import Catalog
from wire.catalog_text import parse
from wire.errors import SupernetError

_MODEL = """
  - id: {id}
    name: One
    format: qwen-xml
    repository: a/b
    files: [{{name: a.gguf}}]
    context: 8192
    max_output: 4096
    thinking: true
    presets:
      thinking_general: {{temperature: 0.9, top_p: 0.9, top_k: 20}}
      thinking_coding: {{temperature: 0.6, top_p: 0.9, top_k: 20}}
      plain_general: {{temperature: 0.7, top_p: 0.8, top_k: 20}}
    price: {{prompt: 1, completion: 1}}
    licence: Apache-2.0
"""
_EYES = "    projector: {name: eyes.gguf}\n"
_MODELS = "".join(_MODEL.format(id=model).rstrip(" ") + _EYES for model in ("one", "two"))
CATALOG = "default: one\nmodels:" + _MODELS + media_probes.PIPELINES


class Reader(Protocol):
    def __call__(self, body: bytes, catalog: Catalog, headers: Mapping[str, str]) -> Any: ...


@dataclass(frozen=True)
class Api:
    path: str
    read: Reader
    base: Body
    probes: Mapping[str, Probe]
    labels: Mapping[str, str]
    accepted: Mapping[str, str]
    limited: Mapping[str, tuple[tuple[Any, ...], str]]
    left_out: Mapping[str, str]
    refused: Mapping[str, str]
    refused_inside: Mapping[str, Body]


@dataclass(frozen=True)
class Row:
    field: str
    outcome: str
    remark: str = ""


def _with_tools(parse: Reader) -> Reader:
    """The reader as where all tools are served: what is wrong with a file for them is told then."""

    def read(body: bytes, catalog: Catalog, headers: Mapping[str, str]) -> Any:
        job = parse(body, catalog, headers)
        for one in getattr(job, "chat", job).attachments:
            if one.fault is not None:
                raise one.fault
        return job

    return read


_INCLUDED = {f"include[] with {name}": why for name, why in responses_fields.INCLUDED.items()}

CHATS = (
    Api(
        "/v1/chat/completions",
        _with_tools(chat_request.parse),
        CHAT_BASE,
        CHAT,
        field_table.LABELS,
        field_table.ACCEPTED,
        field_table.LIMITED,
        field_table.LEFT_OUT,
        field_table.REFUSED,
        CHAT_REFUSED,
    ),
    Api(
        "/v1/responses",
        _with_tools(responses_request.parse),
        RESPONSES_BASE,
        RESPONSES,
        {},
        {**responses_fields.ACCEPTED, **_INCLUDED},
        responses_fields.LIMITED,
        responses_fields.LEFT_OUT,
        responses_fields.REFUSED,
        RESPONSES_REFUSED,
    ),
    Api(
        "/v1/messages",
        messages_request.parse,
        MESSAGES_BASE,
        MESSAGES,
        messages_fields.LABELS,
        messages_fields.ACCEPTED,
        messages_fields.LIMITED,
        messages_fields.LEFT_OUT,
        messages_fields.REFUSED,
        MESSAGES_REFUSED,
    ),
)
MEDIA = (
    Api(
        "/v1/images/generations",
        partial(images_request.parse_generation, media_probes.READY),
        media_probes.GENERATION_BASE,
        media_probes.GENERATION,
        media_fields.LABELS,
        media_fields.GENERATION_ACCEPTED,
        media_fields.IMAGES_LIMITED,
        {},
        media_fields.GENERATION_REFUSED,
        {},
    ),
    Api(
        "/v1/images/edits",
        partial(images_request.parse_edit, media_probes.READY),
        media_probes.EDIT_BASE,
        media_probes.EDIT,
        media_fields.LABELS,
        media_fields.EDIT_ACCEPTED,
        media_fields.IMAGES_LIMITED,
        {},
        media_fields.EDIT_REFUSED,
        media_probes.EDIT_REFUSED,
    ),
    Api(
        "/v1/videos",
        partial(video_request.parse_film, media_probes.READY),
        media_probes.VIDEO_BASE,
        media_probes.VIDEO,
        media_fields.LABELS,
        {},
        {},
        {},
        media_fields.VIDEOS_REFUSED,
        media_probes.VIDEO_REFUSED,
    ),
)
APIS = (*CHATS, *MEDIA)


def survey(api: Api) -> list[Row]:
    """Honoured, limited, taken, refused. Raises AssertionError where the code does not do what a table says."""
    rows = [_honoured(api, field, probe) for field, probe in sorted(api.probes.items())]
    for field, (values, why) in sorted(api.limited.items()):
        shown = ", ".join(json.dumps(value) for value in values)
        rows.append(Row(field, "honoured for " + shown, f"other values are refused: {why}"))
    rows += [Row(field, "left out, and said in `warnings`", why) for field, why in sorted(api.left_out.items())]
    rows += [Row(field, "taken, no effect", why) for field, why in sorted(api.accepted.items())]
    for field, instead in sorted(api.refused.items()):
        error = _error(api, {**api.base, field: "x"})
        assert error is not None and error.param == field, f"{api.path}: {field} is not refused by name"
        rows.append(Row(field, "refused", instead))
    for field, body in sorted(api.refused_inside.items()):
        error = _error(api, {**api.base, **body})
        assert error is not None and "Here: " in error.message, f"{api.path}: {field} is not refused with a remedy"
        rows.append(Row(field, "refused", error.message.rpartition("Here: ")[2].rstrip(".")))
    return rows


def unknown(api: Api) -> set[str]:
    """Fields that the reader asked for, over all probes, and that no table has. `type` says what an object is."""
    asked: set[str] = set()
    with _noting(asked):
        for probe in api.probes.values():
            for body in probe:
                api.read(as_bytes({**api.base, **body}), catalog(), {})
    known = {*api.probes, *api.accepted, *api.limited, *api.left_out, *api.refused, *api.refused_inside}
    inner = {re.sub(r"(\[\])?\.[^.]+$", "", field) for field in known}
    return {field for field in asked if field not in known | inner and not field.endswith((".type", "type"))}


@cache
def catalog() -> Catalog:
    return parse(CATALOG, "the survey")


def _honoured(api: Api, field: str, probe: Probe) -> Row:
    without, with_it = (api.read(as_bytes({**api.base, **body}), catalog(), {}) for body in probe)
    checked = field in api.labels and _error(api, {**api.base, field: 0}) is not None
    assert checked or without != with_it, f"{api.path}: {field} makes no difference"
    return Row(field, "checked, no effect", api.labels[field]) if field in api.labels else Row(field, "honoured")


def _error(api: Api, body: Body) -> SupernetError | None:
    try:
        api.read(as_bytes(body), catalog(), {})
    except SupernetError as error:
        return error
    return None


def generic(path: str) -> str:
    """`messages[3].role` -> `messages[].role`."""
    return re.sub(r"\[\d+\]", "[]", path)


def as_bytes(body: Body) -> bytes:
    return json.dumps(body).encode()


@contextmanager
def _noting(asked: set[str]) -> Iterator[None]:
    """Every name that a reader takes, with its place."""
    take = Fields.take

    def noted(self: Fields, name: str) -> Any:
        asked.add(generic(self.at(name)))
        return take(self, name)

    Fields.take = noted  # type: ignore[method-assign]
    try:
        yield
    finally:
        Fields.take = take  # type: ignore[method-assign]
