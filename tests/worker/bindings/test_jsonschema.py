"""A finished answer against the whole of its schema."""

from typing import Any

import jsonschema_rs
import pytest

from worker.bindings.jsonschema import faults


@pytest.mark.parametrize(
    ("schema", "right", "wrong", "place"),
    [
        ({"not": {"type": "string"}}, "1", '"a"', "#/not"),
        ({"uniqueItems": True}, "[1, 2]", "[1, 1]", "#/uniqueItems"),
        ({"oneOf": [{"minimum": 1}, {"maximum": 3}]}, "0", "2", "#/oneOf"),
        ({"if": {"minimum": 1}, "then": {"multipleOf": 2}}, "2", "3", "#/then/multipleOf"),
        ({"contains": {"const": 1}}, "[1]", "[2]", "#/contains"),
        ({"dependentRequired": {"a": ["b"]}}, "{}", '{"a": 1}', "#/dependentRequired"),
        ({"dependencies": {"a": ["b"]}}, "{}", '{"a": 1}', "#/dependencies"),
        ({"propertyNames": {"maxLength": 1}}, '{"a": 1}', '{"aa": 1}', "#/propertyNames/maxLength"),
        ({"format": "idn-email"}, '"a@b.c"', '"a"', "#/format"),
        ({"minProperties": 2}, '{"a": 1, "b": 1}', '{"a": 1, "a": 2}', "#/minProperties"),
    ],
)
def test_what_does_not_hold_is_named(schema: dict[str, Any], right: str, wrong: str, place: str) -> None:
    assert faults(schema, right) == []
    (said,) = faults(schema, wrong)
    assert said == f"{place} does not hold for the whole"


def test_bounds_of_draft_4_are_read_as_the_grammar_reads_them() -> None:
    """Their booleans are no schema since draft 6, and few schemas say which draft they are of."""
    above = {"minimum": 1, "exclusiveMinimum": True, "maximum": 3, "exclusiveMaximum": False, "not": {"enum": [2]}}
    for schema in (above, above | {"$schema": "http://json-schema.org/draft-04/schema#"}):
        assert [bool(faults(schema, text)) for text in ("1", "1.5", "2", "3", "4")] == [True, False, True, False, True]
    named = {"properties": {"exclusiveMinimum": True, "minimum": {"const": 1}}, "not": {"required": ["x"]}}
    assert faults(named, '{"exclusiveMinimum": 5, "minimum": 1}') == []
    assert (
        faults({"enum": [{"minimum": 1, "exclusiveMinimum": True}]}, '{"minimum": 1, "exclusiveMinimum": true}') == []
    )


def test_where_it_does_not_hold_is_said_and_a_few_places_are_enough() -> None:
    schema = {"items": {"properties": {"a/b": {"not": {"const": 1}}}}}
    assert faults(schema, '[{"a/b": 1}]') == ["#/items/properties/a~1b/not does not hold for '/0/a~1b'"]
    assert len(faults(schema, "[" + ", ".join(['{"a/b": 1}'] * 9) + "]")) == 3


def test_nothing_is_fetched_and_hostile_expressions_end() -> None:
    for reference in ("http://127.0.0.1:9/schema", "file:///etc/passwd"):
        with pytest.raises((ValueError, jsonschema_rs.ReferencingError)):
            faults({"$ref": reference}, "1")
    assert faults({"not": {"pattern": "^(a+)+$"}}, '"' + "a" * 5000 + '!"') == []
