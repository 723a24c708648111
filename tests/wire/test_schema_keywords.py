"""Keywords that no grammar is made of."""

from typing import Any

import pytest

from wire.schema_keywords import Gap, checkable, not_strict, unheld

SAYS_SOMETHING: list[tuple[str, Any]] = [
    ("not", {"type": "string"}),
    ("uniqueItems", True),
    ("contains", {"type": "string"}),
    ("propertyNames", {"maxLength": 3}),
    ("dependentRequired", {"a": ["b"]}),
    ("dependentSchemas", {"a": {"required": ["b"]}}),
    ("dependencies", {"a": ["b"]}),
    ("$dynamicRef", "#a"),
    ("format", "idn-email"),
    ("format", "colour"),
    ("contentEncoding", "base64"),
]


@pytest.mark.parametrize(("word", "value"), SAYS_SOMETHING)
def test_a_keyword_that_no_grammar_is_made_of_is_found(word: str, value: Any) -> None:
    assert unheld({word: value}) == [word]


@pytest.mark.parametrize(
    "schema",
    [
        {"not": False},
        {"if": {"type": "string"}},
        {"if": {"type": "string"}, "then": True, "else": {}},
        {"then": {"type": "string"}},
        {"uniqueItems": False},
        {"uniqueItems": True, "maxItems": 1},
        {"contains": {"type": "string"}, "minContains": 0},
        {"minContains": 2},
        {"propertyNames": True},
        {"dependentRequired": {"a": []}},
        {"dependentSchemas": {"a": True}},
        {"unevaluatedProperties": {}},
        {"unevaluatedProperties": False, "properties": {"a": {}}},
        {"type": "string", "uniqueItems": True, "propertyNames": {"maxLength": 3}},
        {"type": ["integer", "null"], "format": "int32", "contentEncoding": "base64"},
        {"format": "date"},
        {"title": "t", "description": "d", "default": 1, "examples": [], "x-order": 3, "deprecated": True},
    ],
)
def test_where_it_says_nothing_it_may_stand(schema: dict[str, Any]) -> None:
    assert unheld(schema) == []


def test_unevaluated_parts_are_those_of_other_schemas_too() -> None:
    schema = {"allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": False}
    assert unheld(schema) == ["unevaluatedProperties"]


def test_formats_that_a_library_knows_are_checked_and_annotations_are_not() -> None:
    assert checkable("not", {}) and checkable("format", "idn-email")
    assert not checkable("format", "colour") and not checkable("format", 7) and not checkable("contentEncoding", "x")


def test_the_client_hears_the_keyword_the_place_and_what_to_do() -> None:
    said = not_strict((Gap("not", "#/properties/age/not"),))
    assert "'not' at #/properties/age/not" in said and "strict: false" in said
    assert len(not_strict((Gap("not", "#/" + "a" * 60_000),))) < 600
    assert "and 2 more" in not_strict(tuple(Gap("not", f"#/{n}") for n in range(5)))
