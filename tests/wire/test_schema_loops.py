"""A schema that is made of itself is told from one that holds itself further in."""

from typing import Any

import pytest

from wire.schema_loops import loops


def defined(**schemas: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"x": {"$ref": "#/$defs/a"}}, "$defs": schemas}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"properties": {"a": {"items": {"$ref": "#/properties/a/items"}}}},
        defined(a={"$ref": "#/$defs/b"}, b={"$ref": "#/$defs/a"}),
        defined(a={"allOf": [{"type": "object"}, {"$ref": "#/$defs/a"}]}),
        defined(a={"anyOf": [{"$ref": "#/$defs/a/anyOf/0"}]}),
        defined(a={"oneOf": [{"allOf": [{"$ref": "#/%24defs/a"}]}]}),
        {"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"$ref": "#/$defs/a~1b"}}},
        {"allOf": [{"$ref": "#"}]},
        {"properties": {"default": {"allOf": [{"$ref": "#/properties/default"}]}}},
        {"$ref": "#/default", "default": {"items": {"anyOf": [{"$ref": "#/default/items"}]}}},
    ],
)
def test_what_leads_back_to_itself_is_a_loop(schema: dict[str, Any]) -> None:
    assert loops(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {},
        defined(a={"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/a"}}}}),
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
        defined(a={"$ref": "#/$defs/b"}, b={"type": "string"}),
        defined(a={"anyOf": [{"$ref": "#/$defs/b"}, {"$ref": "#/$defs/b"}]}, b={"type": "string"}),
        defined(a={"$ref": "#/nowhere/0/x"}, b={"$ref": "https://example.org/#"}, c={"$ref": 7}),
        {"default": {"$ref": "#"}, "properties": {"$ref": {"type": "string"}, "allOf": {"type": "array"}}},
    ],
)
def test_trees_and_shared_parts_are_none(schema: dict[str, Any]) -> None:
    assert not loops(schema)


@pytest.mark.parametrize("keyword", ["default", "examples", "enum", "const"])
def test_a_value_that_a_schema_gives_is_no_schema(keyword: str) -> None:
    value = {"$ref": f"#/properties/a/{keyword}/0"}
    assert not loops({"properties": {"a": {"type": "object", keyword: [value, {"allOf": [value]}]}}})


def test_a_long_chain_is_walked_once_however_often_it_is_named() -> None:
    count = 1500
    chain: dict[str, Any] = {f"s{n}": {"allOf": [{"$ref": f"#/$defs/s{n + 1}"}] * 2} for n in range(count)}
    assert not loops({"$defs": chain})
    chain[f"s{count}"] = {"$ref": "#/$defs/s0"}
    assert loops({"$defs": chain})
