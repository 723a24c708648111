"""Schemas that a grammar compiler must never see."""

import json
from typing import Any

import pytest

from wire.errors import ErrorCode, SupernetError
from wire.schema_limits import MAX_BYTES, MAX_DEPTH, MAX_PATTERN_CHARS, check_schema


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(depth - 1):
        schema = {"items": schema}
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        {},
        nested(MAX_DEPTH),
        {"pattern": "a" * MAX_PATTERN_CHARS},
        {"maxItems": 10**9},
        {"$ref": "#/$defs/a", "$defs": {"a": {}}},
        {"properties": {"pattern": {"type": "string"}, "$ref": {"type": "string"}}},
        {"description": "a" * (MAX_BYTES - 100)},
    ],
)
def test_schemas_within_the_bounds_pass(schema: dict[str, Any]) -> None:
    check_schema(schema, "tools")


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (nested(MAX_DEPTH + 1), "nested too deep"),
        ({"properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"$ref": "#/$defs/a"}}}, "leads back to itself"),
        ({"anyOf": [[[]] * 2, nested(MAX_DEPTH)]}, "nested too deep"),
        ({"items": {"pattern": "a" * (MAX_PATTERN_CHARS + 1)}}, "regular expression"),
        ({"patternProperties": {"a" * (MAX_PATTERN_CHARS + 1): {}}}, "regular expression"),
        ({"description": "ü" * (MAX_BYTES // 2)}, "bytes: at most"),
    ],
)
def test_schemas_beyond_the_bounds_are_refused(schema: dict[str, Any], said: str) -> None:
    with pytest.raises(SupernetError, match=said) as caught:
        check_schema(schema, "response_format")
    assert (caught.value.code, caught.value.param) == (ErrorCode.INVALID_REQUEST, "response_format")


def test_a_schema_nested_past_any_stack_is_refused() -> None:
    with pytest.raises(SupernetError, match="nested too deep"):
        check_schema(nested(100_000), "tools")


def test_a_schema_may_have_sixty_four_kibibytes() -> None:
    around = len(json.dumps({"title": ""}, separators=(",", ":")))
    check_schema({"title": "a" * (MAX_BYTES - around)}, "here")
    with pytest.raises(SupernetError, match="bytes"):
        check_schema({"title": "a" * (MAX_BYTES - around + 1)}, "here")


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("a" * 256, True),
        ("a" * 257, False),
        ("(" * 8 + ")" * 8, True),
        ("(" * 9 + ")" * 9, False),
        ("()" * 100, True),
        (r"\(" * 100, True),
        (r"\\(" * 9, False),
    ],
)
def test_regular_expressions_are_bounded_in_length_and_nesting(pattern: str, fits: bool) -> None:
    schemas: tuple[dict[str, object], ...] = (
        {"properties": {"a": {"type": "string", "pattern": pattern}}},
        {"anyOf": [{"items": {"pattern": pattern}}]},
        {"patternProperties": {pattern: {}}},
    )
    for schema in schemas:
        if fits:
            check_schema(schema, "here")
        else:
            with pytest.raises(SupernetError, match="regular expression"):
                check_schema(schema, "here")


def test_a_property_that_is_called_pattern_is_not_a_regular_expression() -> None:
    check_schema({"properties": {"pattern": {"description": "a" * 1000}}}, "here")
