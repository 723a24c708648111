"""Schemas that a grammar compiler must never see."""

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
        (nested(MAX_DEPTH + 1), "nested deeper"),
        ({"anyOf": [[[]] * 2, nested(MAX_DEPTH)]}, "nested deeper"),
        ({"items": {"pattern": "a" * (MAX_PATTERN_CHARS + 1)}}, "regular expression"),
        ({"patternProperties": {"a" * (MAX_PATTERN_CHARS + 1): {}}}, "regular expression"),
        ({"description": "ü" * (MAX_BYTES // 2)}, "larger"),
    ],
)
def test_schemas_beyond_the_bounds_are_refused(schema: dict[str, Any], said: str) -> None:
    with pytest.raises(SupernetError, match=said) as caught:
        check_schema(schema, "response_format")
    assert (caught.value.code, caught.value.param) == (ErrorCode.INVALID_REQUEST, "response_format")


def test_a_schema_nested_past_any_stack_is_refused() -> None:
    with pytest.raises(SupernetError, match="nested deeper"):
        check_schema(nested(100_000), "tools")
