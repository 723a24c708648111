"""Which JSON a written value is, by its schema."""

import json
from typing import Any

import pytest

from worker.chat.tool_values import ANY, is_text, json_types, to_json


@pytest.mark.parametrize(
    ("schema", "types"),
    [
        ({"type": "string"}, {"string"}),
        ({"type": ["integer", "null"]}, {"integer", "null"}),
        ({"enum": ["a", 1, None, 1.5, True, [], {}]}, set(ANY)),
        ({"enum": ["a", "b"]}, {"string"}),
        ({"const": 3}, {"integer"}),
        ({"anyOf": [{"type": "string"}, {"type": "object"}]}, {"string", "object"}),
        ({"oneOf": [{"type": "string"}, {"const": None}]}, {"string", "null"}),
        ({"allOf": [{"type": ["string", "null"]}, {"type": "string"}]}, {"string"}),
        ({"allOf": [{"type": "string"}, {"type": "null"}]}, set(ANY)),
        ({"$ref": "#/$defs/a~1b"}, {"boolean"}),
        ({"$ref": "#/$defs/loop"}, set(ANY)),
        ({"$ref": "#/nowhere"}, set(ANY)),
        ({"$ref": "https://example.org"}, set(ANY)),
        ({"type": "string", "nullable": True}, {"string", "null"}),
        ({"properties": {}}, {"object"}),
        ({"items": {}}, {"array"}),
        ({"type": "nonsense"}, set(ANY)),
        ({"type": [{}, "string"]}, {"string"}),
        ({}, set(ANY)),
        (True, set(ANY)),
    ],
)
def test_types_of_a_schema(schema: Any, types: set[str]) -> None:
    root = {"$defs": {"a/b": {"type": "boolean"}, "loop": {"$ref": "#/$defs/loop"}}}
    assert json_types(schema, root) == types


def test_references_that_multiply_do_not_take_for_ever() -> None:
    loop = {"anyOf": [{"$ref": "#/$defs/loop"}] * 1000 + [{"type": "string"}]}
    assert json_types({"anyOf": [{"$ref": "#/$defs/loop"}] * 1000}, {"$defs": {"loop": loop}}) == {"string"}


@pytest.mark.parametrize(
    ("text", "types", "value"),
    [
        ("1", {"integer"}, 1),
        (" 1 ", {"number"}, 1),
        ("1.0", {"integer"}, 1.0),
        ("1_000", {"integer"}, "1_000"),
        ("true", {"boolean"}, True),
        ("False", {"boolean"}, False),
        ("None", {"null", "integer"}, None),
        ("{'a': (1, None)}", {"object"}, {"a": [1, None]}),
        ("{'a': 1", {"object"}, "{'a': 1"),
        ("NaN", {"number"}, "NaN"),
        ("abc", {"integer"}, "abc"),
        ("[1]", {"integer"}, [1]),
        ("1", {"string", "integer"}, 1),
        ("[1]", {"string", "integer"}, "[1]"),
        ('"q"', {"string", "null"}, '"q"'),
        ('"q"', set(ANY), "q"),
        (" text ", set(ANY), " text "),
        ("", {"string", "null"}, ""),
        ("[" * 5000, {"array"}, "[" * 5000),
        ("(" * 5000, {"array"}, "(" * 5000),
    ],
)
def test_values(text: str, types: set[str], value: Any) -> None:
    assert json.loads(to_json(text, frozenset(types))[0]) == value


@pytest.mark.parametrize(
    ("text", "types", "written", "fits"),
    [
        ("007", {"integer"}, "7", True),
        ("-0", {"integer"}, "-0", True),
        ("12345678901234567890", {"integer"}, "12345678901234567890", True),
        ("12345678901234567890", {"integer", "string"}, '"12345678901234567890"', True),
        ("9007199254740992", set(ANY), "9007199254740992", True),
        ("9007199254740993", set(ANY), '"9007199254740993"', True),
        ("1.50", {"number"}, "1.50", True),
        ("1.50", {"number", "string"}, '"1.50"', True),
        ("٣", {"integer"}, '"٣"', False),
        ("1e999", {"number", "string"}, '"1e999"', True),
        ("TRUE", {"boolean", "string"}, '"TRUE"', True),
        ("TRUE", {"integer"}, '"TRUE"', False),
        ("true", {"integer"}, "true", False),
        ('"q"', {"integer"}, '"q"', False),
        ("[1]", {"object"}, "[1]", False),
        ("", {"null"}, '""', False),
        ("+", {"integer"}, '"+"', False),
        (".", {"number"}, '"."', False),
    ],
)
def test_a_scalar_is_what_it_can_only_mean_and_else_what_was_written(
    text: str, types: set[str], written: str, fits: bool
) -> None:
    assert to_json(text, frozenset(types)) == (written, fits)


def test_only_text_is_text() -> None:
    assert is_text(frozenset({"string"}))
    assert not is_text(frozenset({"string", "null"}))
