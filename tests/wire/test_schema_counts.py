"""Counted keys: whatever the branches say together is what the schema said."""

from itertools import combinations
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.schema_counts import MOST_BRANCHES, counted

NAMES = ("a", "b", "c", "x", "y")


@given(
    declared=st.sets(st.sampled_from("abc")),
    must=st.sets(st.sampled_from("ab")),
    low=st.none() | st.integers(0, 4),
    high=st.none() | st.integers(0, 4),
    closed=st.booleans(),
)
def test_the_same_objects_match(
    declared: set[str], must: set[str], low: int | None, high: int | None, closed: bool
) -> None:
    schema: dict[str, Any] = {"properties": {name: {} for name in sorted(declared)}, "required": sorted(must)}
    schema |= {} if low is None else {"minProperties": low}
    schema |= {} if high is None else {"maxProperties": high}
    schema |= {"additionalProperties": False} if closed else {}
    before, after = jsonschema_rs.validator_for(schema), jsonschema_rs.validator_for(counted(schema)[0])
    for size in range(len(NAMES) + 1):
        for names in combinations(NAMES, size):
            value = dict.fromkeys(names, 1)
            assert before.is_valid(value) == after.is_valid(value), value


@given(declared=st.sets(st.sampled_from("abc"), min_size=1), low=st.integers(1, 3))
def test_where_keys_are_counted_every_declared_one_is_required_or_forbidden(declared: set[str], low: int) -> None:
    """That is what the grammar library counts right."""
    made, _ = counted({"properties": {name: {} for name in declared}, "minProperties": low, "maxProperties": 3})
    for branch in made.get("anyOf", [made]):
        if "minProperties" in branch or "maxProperties" in branch:
            optional = branch["properties"].keys() - set(branch["required"])
            assert all(branch["properties"][name] is False for name in optional)


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {f"p{i}": {} for i in range(MOST_BRANCHES)}, "minProperties": 1},
        {"properties": {f"p{i}": {} for i in range(20)}, "minProperties": 10, "additionalProperties": False},
        {"minProperties": 2},  # an undeclared key may be written twice
    ],
)
def test_what_cannot_be_counted_is_said(schema: dict[str, Any]) -> None:
    assert not counted(schema)[1]


@pytest.mark.parametrize("schema", [{"minProperties": "x"}, {"maxProperties": 1, "properties": 3, "required": 4}])
def test_what_is_no_schema_is_left_to_the_compiler(schema: dict[str, Any]) -> None:
    assert counted(schema) == (schema, True)
