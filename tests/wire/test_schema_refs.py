"""References within a schema: pointers, anchors, and what leads nowhere."""

from typing import Any

import pytest

from wire.schema_refs import References, below, objects, places, pointed

SCHEMA: dict[str, Any] = {
    "$defs": {"a/b~c": {"const": 1}, "100%": {"const": 2}, "named": {"$anchor": "here", "const": 3}},
    "allOf": [{"const": 4}, {"$dynamicAnchor": "there"}, {"$anchor": "twice"}, {"$anchor": "twice"}],
}


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("#", SCHEMA),
        ("#/$defs/a~1b~0c", {"const": 1}),
        ("#/$defs/100%25", {"const": 2}),
        ("#/allOf/0", {"const": 4}),
        ("#/allOf/9", None),
        ("#/allOf/x", None),
        ("#/$defs/none", None),
        ("#/$defs/named/const/3", None),
        ("other.json", None),
        (7, None),
    ],
)
def test_a_pointer_leads_to_its_place(reference: object, found: object) -> None:
    assert pointed(SCHEMA, reference) == References(SCHEMA).target(reference) == found


def test_an_anchor_leads_to_the_schema_that_has_it_if_only_one_has() -> None:
    references = References(SCHEMA)
    assert references.target("#here") is SCHEMA["$defs"]["named"]
    assert references.target("#there") is SCHEMA["allOf"][1]
    assert references.target("#twice") is references.target("#nowhere") is None


def test_every_schema_is_found_with_a_pointer_that_leads_to_it() -> None:
    found = dict(places(SCHEMA))
    assert len(found) == len(list(objects(SCHEMA))) == 8
    for place, node in found.items():
        assert pointed(SCHEMA, place.replace("%", "%25")) is node
    below_names = {"properties": {"enum": {"default": {"not": 1}}}, "default": {"not": 1}, "x-more": [{"enum": [{}]}]}
    assert {place for place, _ in places(below_names)} == {"#", "#/properties/enum", "#/x-more/0"}
    assert below("#/a", "b/c", 0) == "#/a/b~1c/0"
