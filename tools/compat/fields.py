"""Every request field of both APIs and what comes of it, found out by asking the code that reads requests.

A field counts as honoured when a body with it makes another job than the body without, and the list of labels does not
have it; as taken or refused when the lists of the readers say so and a probe agrees. What a reader asks for and no
table knows is an error: see `unknown`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from coordinator.openai import chat_request, fields
from coordinator.openai.fields import Fields
from coordinator.openai.responses import fields as responses_fields
from coordinator.openai.responses import request as responses_request
from tools.compat.probes import CHAT, CHAT_BASE, CHAT_REFUSED, RESPONSES, RESPONSES_BASE, RESPONSES_REFUSED, Body, Probe
from wire.catalog import Catalog, parse
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
CATALOGUE = "default: one\nmodels:" + _MODEL.format(id="one") + _MODEL.format(id="two")


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
    refused: Mapping[str, str]
    refused_inside: Mapping[str, Body]


@dataclass(frozen=True)
class Row:
    field: str
    outcome: str
    remark: str = ""


_LEFT_OUT = {f"tools[] of type {name}": why for name, why in responses_fields.LEFT_OUT.items()}
_LEFT_OUT |= {f"include[] with {name}": why for name, why in responses_fields.INCLUDED.items()}

APIS = (
    Api(
        "/v1/chat/completions",
        chat_request.parse,
        CHAT_BASE,
        CHAT,
        fields.LABELS,
        fields.ACCEPTED,
        fields.LIMITED,
        fields.REFUSED,
        CHAT_REFUSED,
    ),
    Api(
        "/v1/responses",
        responses_request.parse,
        RESPONSES_BASE,
        RESPONSES,
        {},
        {**responses_fields.ACCEPTED, **_LEFT_OUT},
        responses_fields.LIMITED,
        responses_fields.REFUSED,
        RESPONSES_REFUSED,
    ),
)


def survey(api: Api) -> list[Row]:
    """Honoured, limited, taken, refused. Raises AssertionError where the code does not do what a table says."""
    rows = [_honoured(api, field, probe) for field, probe in sorted(api.probes.items())]
    for field, (values, why) in sorted(api.limited.items()):
        shown = ", ".join(json.dumps(value) for value in values)
        rows.append(Row(field, "honoured for " + shown, f"other values are refused: {why}"))
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
                api.read(_bytes({**api.base, **body}), catalog(), {})
    known = {*api.probes, *api.accepted, *api.limited, *api.refused, *api.refused_inside}
    inner = {re.sub(r"(\[\])?\.[^.]+$", "", field) for field in known}
    return {field for field in asked if field not in known | inner and not field.endswith((".type", "type"))}


@cache
def catalog() -> Catalog:
    return parse(CATALOGUE, "the survey")


def _honoured(api: Api, field: str, probe: Probe) -> Row:
    without, with_it = (api.read(_bytes({**api.base, **body}), catalog(), {}) for body in probe)
    assert without != with_it, f"{api.path}: {field} makes no difference"
    return Row(field, "checked, no effect", api.labels[field]) if field in api.labels else Row(field, "honoured")


def _error(api: Api, body: Body) -> SupernetError | None:
    try:
        api.read(_bytes(body), catalog(), {})
    except SupernetError as error:
        return error
    return None


def _bytes(body: Body) -> bytes:
    return json.dumps(body).encode()


@contextmanager
def _noting(asked: set[str]) -> Iterator[None]:
    """Every name that a reader takes, with its place."""
    take = Fields.take

    def noted(self: Fields, name: str) -> Any:
        asked.add(re.sub(r"\[\d+\]", "[]", self.at(name)))
        return take(self, name)

    Fields.take = noted  # type: ignore[method-assign]
    try:
        yield
    finally:
        Fields.take = take  # type: ignore[method-assign]
