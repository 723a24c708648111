"""Proofs that no value matches two branches."""

from typing import Any

import pytest

from wire.schema_exclusive import Exclusive
from wire.schema_refs import References


def kind(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"kind": {"const": name}}, "required": ["kind"], **more}


ROOT = {
    "$defs": {"cat": kind("cat"), "dog": kind("dog"), "number": {"type": "number"}, "self": {"$ref": "#/$defs/self"}}
}
CAT, DOG = {"$ref": "#/$defs/cat"}, {"$ref": "#/$defs/dog"}


@pytest.mark.parametrize(
    "branches",
    [
        [{"type": "string"}, {"type": "integer"}, {"type": "null"}],
        [{"const": 1}, {"const": True}, {"const": "1"}],
        [{"enum": ["a", "b"]}, {"enum": ["c"]}],
        [{"const": "a"}, {"type": "number"}],
        [CAT, DOG],
        [CAT, {"allOf": [DOG, {"properties": {"name": {}}}]}],
        [CAT, {"anyOf": [DOG, {"type": "null"}]}],
        [{"type": ["string", "null"]}, {"$ref": "#/$defs/number"}],
        [{"type": "object", "properties": {"k": CAT}, "required": ["k"]}, {"type": "object", "properties": {"k": DOG}}],
        [False, {}],
        [{}],
    ],
)
def test_what_is_exclusive_is_proven(branches: list[Any]) -> None:
    assert Exclusive(References(ROOT)).are(branches)


@pytest.mark.parametrize(
    "branches",
    [
        [{"type": "number"}, {"type": "integer"}],
        [{"const": 1}, {"const": 1.0}],
        [{"const": [1]}, {"const": [1.0]}],
        [{"minimum": 1}, {"maximum": 0}],  # neither is about a text
        [{"type": "object", "properties": {"kind": {"const": "a"}}}, {"properties": {"kind": {"const": "b"}}}],
        [{"properties": {"kind": {"const": "a"}}, "required": ["kind"]}, {"properties": {"kind": {"const": "b"}}}],
        [CAT, CAT],
        [{"$ref": "#/$defs/self"}, {"type": "string"}],
        [{"$ref": "elsewhere"}, {"type": "string"}],
        [{"type": 5, "enum": 7, "required": "x", "properties": []}, {"allOf": 3, "anyOf": 4}],
        [True, {}],
    ],
)
def test_what_is_not_or_cannot_be_seen_is_not(branches: list[Any]) -> None:
    assert not Exclusive(References(ROOT)).are(branches)


def test_proofs_end() -> None:
    doubled = {f"d{i}": {"anyOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(30)}
    proofs = Exclusive(References({"$defs": {**doubled, "d30": {"type": "string"}}}), steps=1000)
    assert not proofs.are([{"$ref": "#/$defs/d0"}, {"type": "null"}])
    assert not proofs.are([{"const": n} for n in range(5000)])
