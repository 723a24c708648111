"""coordinator/api/openapi.json says what the readers of requests take: every field, every bound, and nothing else."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tools.compat.fields import APIS, CHATS, Api, catalog
from tools.openapi.__main__ import FILE, text
from wire.chat import MAX_TOOLS
from wire.errors import SupernetError

Schema = dict[str, Any]
ROOT = Path(__file__).parents[2]
DOCUMENT: Schema = json.loads(FILE.read_text(encoding="utf-8"))
REQUESTS = {
    "/v1/chat/completions": "ChatRequest",
    "/v1/responses": "ResponsesRequest",
    "/v1/messages": "MessagesRequest",
    "/v1/images/generations": "ImageRequest",
    "/v1/images/edits": "ImageEditRequest",
    "/v1/videos": "VideoRequest",
}


def body_of(api: Api) -> Schema:
    schema: Schema = DOCUMENT["components"]["schemas"][REQUESTS[api.path]]
    return schema


def fields(schema: Schema, place: str = "") -> Iterator[tuple[str, Schema]]:
    """Every field with its schema; of several kinds of objects at one place those of all."""
    for kind in schema.get("anyOf", ()):
        yield from fields(kind, place)
    if isinstance(schema.get("items"), dict):
        yield from fields(schema["items"], f"{place}[]")
    if schema.get("additionalProperties") is False:
        for name, inner in schema["properties"].items():
            path = f"{place}.{name}" if place else name
            yield path, inner
            yield from fields(inner, path)


def test_the_file_is_what_the_code_says_now() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), "write it again: scripts/openapi"


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.path)
def test_the_document_and_the_tables_of_the_readers_name_the_same_fields(api: Api) -> None:
    documented = {path for path, _ in fields(body_of(api))}
    tables = {field for field in (*api.accepted, *api.limited, *api.probes) if " " not in field}
    inner = {re.sub(r"(\[\])?\.[^.]+$", "", field) for field in tables}
    assert tables - documented == set()
    assert {field for field in documented - tables - inner if not field.endswith("type")} <= set(api.left_out)
    assert set(api.refused) & {field.split(".")[0] for field in documented} == set()


def refusal(api: Api, body: Schema) -> SupernetError | None:
    try:
        api.read(json.dumps({**api.base, **body}).encode(), catalog(), {})
    except SupernetError as error:
        return error
    return None


def ends(schema: Schema) -> Iterator[tuple[Any, bool]]:
    """Values at the ends of a schema's bounds and just outside of them, and whether they are allowed."""
    for low, high, step in (("minimum", "maximum", 1),):
        for bound, outside in ((low, -step), (high, step)):
            if bound in schema:
                yield schema[bound], True
                yield schema[bound] + outside, False
    if "maxLength" in schema:
        yield "x" * schema["maxLength"], True
        yield "x" * (schema["maxLength"] + 1), False
    if schema.get("minLength"):
        yield "", False
    for value in schema.get("enum", ()):
        yield value, True
    if "enum" in schema:
        yield "no such value", False


# Fields that need another one beside them to mean anything.
BESIDE: dict[str, Schema] = {
    "top_logprobs": {"logprobs": True, "include": ["message.output_text.logprobs"]},
    "partial_images": {"stream": True},
}


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.path)
def test_the_ends_of_every_bound_are_taken_and_what_lies_outside_is_refused_by_name(api: Api) -> None:
    tried = 0
    for name, schema in body_of(api)["properties"].items():
        if name in ("model", "tool_choice"):
            continue
        others = BESIDE.get(name, {})
        beside = {key: value for key, value in others.items() if key in body_of(api)["properties"]}
        for value, allowed in ends(schema):
            error = refusal(api, {**beside, name: value})
            assert (error is None) == allowed, (name, value, error and error.message)
            assert allowed or (error is not None and error.param == name)
            tried += 1
    assert tried > (50 if api in CHATS else 20)


@pytest.mark.parametrize(
    ("name", "taken", "refused"),
    [
        ("stop", [None, "x", "", ["x"] * 4, ["x" * 64]], [5, ["x"] * 5, ["x" * 65], [1], {}]),
        ("think", [None, True, "low"], ["hard", 1, {}]),
        ("logit_bias", [{}, {"1": -100, "999999999": 100}], [{"-1": 0}, {"a": 0}, {"1": 101}, {"1": True}, [1]]),
        ("stop_sequences", [None, ["x"] * 4, ["x" * 64]], [5, ["x"] * 5, ["x" * 65], [1], {}]),
        ("metadata", [{}, {"k" * 64: "v" * 512}], [{"k" * 65: "v"}, {"k": "v" * 513}, {"k": 1}, "x", ["x"]]),
        ("token_type", ["auto", "spark", "sogni"], ["x", 1, {}]),
    ],
)
@pytest.mark.parametrize("api", APIS, ids=lambda api: api.path)
def test_what_is_taken_raw_is_described_as_the_readers_take_it(
    api: Api, name: str, taken: list[Any], refused: list[Any]
) -> None:
    if name not in body_of(api)["properties"] or (api.path == "/v1/messages" and name == "metadata"):
        pytest.skip("no such field, or one of another meaning, in this API")
    valid = jsonschema_rs.validator_for(body_of(api)["properties"][name])
    for values, right in ((taken, True), (refused, False)):
        for value in values:
            assert (refusal(api, {name: value}) is None) is right is valid.is_valid(value), value


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.path)
def test_the_examples_of_the_document_are_taken(api: Api) -> None:
    content = DOCUMENT["paths"][api.path]["post"]["requestBody"]["content"]["application/json"]
    assert len(content["examples"]) >= 3
    for example in content["examples"].values():
        assert refusal(api, example["value"]) is None


def test_lists_are_bounded_as_the_readers_bound_them() -> None:
    chat = body_of(CHATS[0])["properties"]
    assert chat["tools"]["maxItems"] == MAX_TOOLS
    tools = [{"type": "function", "function": {"name": f"f{i}"}} for i in range(MAX_TOOLS + 1)]
    assert refusal(CHATS[0], {"tools": tools[:-1]}) is None
    assert refusal(CHATS[0], {"tools": tools}) is not None


def test_every_operation_has_a_group_and_a_name_of_its_own() -> None:
    operations = [one for item in DOCUMENT["paths"].values() for name, one in item.items() if name != "parameters"]
    names = [one["operationId"] for one in operations]
    assert len(set(names)) == len(names)
    groups = [tag["name"] for tag in DOCUMENT["tags"]]
    assert {one["tags"][0] for one in operations} == set(groups), "none is empty"
    assert DOCUMENT["paths"]["/v1/account/requests"]["get"]["tags"] == ["Account"]
    assert DOCUMENT["paths"]["/metrics"]["get"]["tags"] == ["Operator"]
