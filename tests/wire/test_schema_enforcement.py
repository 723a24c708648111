"""What a grammar gets of a schema, and what is left over; tests/worker/chat/test_schema_suite.py tries both."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.errors import SupernetError
from wire.schema_enforcement import enforced
from wire.schema_limits import check_schema


def gaps(schema: dict[str, Any]) -> list[str]:
    return [gap.place for gap in enforced(schema).gaps]


def test_a_keyword_is_named_where_it_stands() -> None:
    schema = {
        "type": "object",
        "properties": {"age": {"type": "integer", "not": {"const": 3}}, "b/c": {"type": "array", "uniqueItems": True}},
        "anyOf": [{"required": ["age"]}, {"if": {"required": ["b/c"]}, "then": {"required": ["age"]}}],
    }
    assert gaps(schema) == ["#/properties/age/not", "#/properties/b~1c/uniqueItems", "#/anyOf/1/if"]
    assert enforced(schema).schema["properties"]["age"] == {"type": "integer"}


def test_only_what_an_answer_can_reach_counts() -> None:
    assert gaps({"$defs": {"a": {"not": {}}}, "enum": [{"not": 1}], "properties": {"not": {"type": "string"}}}) == []
    reached = {"$ref": "#/$defs/a", "$defs": {"a": {"items": {"$ref": "#/$defs/b"}}, "b": {"not": {}}}}
    assert gaps(reached) == ["#/$defs/b/not"]


def test_a_reference_into_the_schema_keeps_its_meaning_wherever_it_stands() -> None:
    tree: dict[str, Any] = {
        "properties": {"name": {"enum": ["a"]}, "children": {"type": "array", "items": {"$ref": "#"}}}
    }
    part = enforced(tree["properties"]["children"], within=tree, place="#/properties/children").schema
    (name,) = part["$defs"]
    assert part["items"] == {"$ref": f"#/$defs/{name}"}
    assert part["$defs"][name]["properties"]["children"]["items"] == {"$ref": f"#/$defs/{name}"}


def test_one_of_is_any_of_and_named_unless_it_says_the_same() -> None:
    exclusive = {"oneOf": [{"type": "string"}, {"type": "null"}]}
    assert gaps(exclusive) == []
    assert enforced(exclusive).schema == {"allOf": [{"anyOf": exclusive["oneOf"]}]}
    assert gaps({"oneOf": [{"type": "string"}, {"maxLength": 3}]}) == ["#/oneOf"]


@pytest.mark.parametrize(
    ("schema", "places"),
    [
        ({"allOf": [{"properties": {"a": {}}}], "minProperties": 1}, ["#/minProperties"]),
        ({"allOf": [{"properties": {"a": {}}}, {"maxProperties": 1}]}, ["#/allOf/1/maxProperties"]),
        (
            {"$ref": "#/$defs/a", "$defs": {"a": {"maxProperties": 1}}, "properties": {"b": {}}},
            ["#/$defs/a/maxProperties"],
        ),
        ({"anyOf": [{"maxProperties": 1}, {"type": "null"}]}, []),
        ({"allOf": [{"patternProperties": {"a": {}}}, {"additionalProperties": {}}]}, ["#/allOf/0/patternProperties"]),
        ({"prefixItems": [{}], "additionalItems": False}, ["#/prefixItems"]),
    ],
)
def test_what_the_library_gets_wrong_where_schemas_meet_is_named(schema: dict[str, Any], places: list[str]) -> None:
    assert gaps(schema) == places


def test_a_schema_with_names_stays_as_it_is() -> None:
    named = {"$ref": "item", "$defs": {"i": {"$id": "item", "type": "string"}}}
    assert enforced(named).schema == named and gaps(named) == []
    assert gaps({**named, "minProperties": 1, "x": {"format": "date", "pattern": "a.b"}}) == [
        "#/minProperties",
        "#/x/pattern",
        "#/x/format",
    ]
    assert gaps({"$ref": "https://json-schema.org/draft/2020-12/schema"}) == ["#/$ref"]


def test_whole_numbers_may_be_written_with_a_point() -> None:
    assert enforced({"maxItems": 2.0, "minLength": 1.5}).schema == {"maxItems": 2, "minLength": 1.5}


OPENAI_STRICT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z]+$", "description": "d"},
        "when": {"type": "string", "format": "date-time"},
        "mail": {"type": ["string", "null"], "format": "email"},
        "size": {"type": "number", "minimum": 0, "exclusiveMaximum": 9, "multipleOf": 0.5},
        "tags": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}, "minItems": 1, "maxItems": 3},
        "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
        "step": {"$ref": "#/$defs/step"},
    },
    "required": ["name", "when", "mail", "size", "tags", "next", "step"],
    "additionalProperties": False,
    "$defs": {
        "step": {
            "type": "object",
            "properties": {"out": {"type": "string"}},
            "required": ["out"],
            "additionalProperties": False,
        }
    },
}


def test_openais_strict_subset_is_whole() -> None:
    assert gaps(OPENAI_STRICT) == []


WORDS = st.sampled_from(
    "type const enum required properties patternProperties additionalProperties items prefixItems allOf anyOf oneOf "
    "not if then $ref $defs $id $anchor minProperties maxProperties pattern format uniqueItems contains "
    "unevaluatedItems dependentRequired a".split()
)
VALUES = (
    st.none() | st.booleans() | st.integers(-1, 3) | st.floats() | WORDS | st.sampled_from(["#", "#/a", "#a", "date"])
)
SCHEMAS = st.dictionaries(
    WORDS, st.recursive(VALUES, lambda inner: st.lists(inner) | st.dictionaries(WORDS, inner), max_leaves=12)
)


@given(SCHEMAS)
def test_whatever_is_sent_as_a_schema_is_taken_apart(schema: dict[str, Any]) -> None:
    try:
        check_schema(schema, "here")
    except SupernetError:
        return
    enforced(schema)
