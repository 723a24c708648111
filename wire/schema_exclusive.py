"""Whether no value can match two branches of a `oneOf`: then it says no more than `anyOf`, which a grammar can hold.

Proofs are by type, by listed values, and by a key that one branch requires and for which both want different things
(`{"kind": {"const": "a"}}` and `{"kind": {"const": "b"}}`). What is not proven may be exclusive all the same.
"""

from typing import Any

from wire.schema_refs import References

_ALL = frozenset({"string", "number", "boolean", "null", "array", "object"})
_MOST_DEPTH = 8


class Exclusive:
    """Proofs within one schema. All of them together take `steps` at most: behind that nothing is proven any more."""

    def __init__(self, references: References, steps: int = 20_000) -> None:
        self._references = references
        self._steps = steps

    def are(self, branches: list[Any]) -> bool:
        """Return whether it is certain that no value matches two of these schemas."""
        return all(
            self._steps > 0 and self._disjoint(one, other, 0)
            for index, one in enumerate(branches)
            for other in branches[index + 1 :]
        )

    def _disjoint(self, one: Any, other: Any, depth: int) -> bool:
        self._steps -= 1 + _length(one) + _length(other)
        if one is False or other is False:
            return True
        if depth > _MOST_DEPTH or self._steps < 0 or not isinstance(one, dict) or not isinstance(other, dict):
            return False
        if _types_differ(one, other) or _values_differ(one, other) or self._keys_differ(one, other, depth):
            return True
        return self._one_part(one, other, depth) or self._one_part(other, one, depth)

    def _one_part(self, one: dict[str, Any], other: dict[str, Any], depth: int) -> bool:
        """Something that all values of `one` match besides is disjoint from `other`."""
        also = one.get("allOf")
        parts = [self._references.target(one.get("$ref")), *(also if isinstance(also, list) else [])]
        if any(self._disjoint(part, other, depth + 1) for part in parts if isinstance(part, dict)):
            return True
        either = [one[word] for word in ("anyOf", "oneOf") if isinstance(one.get(word), list) and one[word]]
        return any(all(self._disjoint(option, other, depth + 1) for option in options) for options in either)

    def _keys_differ(self, one: dict[str, Any], other: dict[str, Any], depth: int) -> bool:
        if _types(one) & _types(other) != {"object"}:
            return False
        here, there = one.get("properties"), other.get("properties")
        if not isinstance(here, dict) or not isinstance(there, dict):
            return False
        keys = [key for node in (one, other) if isinstance(node.get("required"), list) for key in node["required"]]
        return any(
            key in here and key in there and self._disjoint(here[key], there[key], depth + 1)
            for key in keys
            if isinstance(key, str)
        )


def _types_differ(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return not _types(one) & _types(other)


def _types(schema: dict[str, Any]) -> frozenset[str]:
    """The types that a schema's own words leave; an integer is a number."""
    declared = schema.get("type")
    named = declared if isinstance(declared, list) else [declared]
    known = frozenset("number" if name == "integer" else name for name in named if isinstance(name, str)) & _ALL
    values = _values(schema)
    listed = _ALL if values is None else frozenset(_type_of(value) for value in values)
    return (known or _ALL) & listed


def _values_differ(one: dict[str, Any], other: dict[str, Any]) -> bool:
    here, there = _values(one), _values(other)
    return here is not None and there is not None and not set(map(_known, here)) & set(map(_known, there))


def _length(schema: Any) -> int:
    """How much there is to compare: listed values and keys."""
    inner = [schema.get(word) for word in ("enum", "required")] if isinstance(schema, dict) else []
    return sum(len(item) for item in inner if isinstance(item, list)) // 16


def _values(schema: dict[str, Any]) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    values = schema.get("enum")
    return values if isinstance(values, list) else None


def _known(value: Any) -> tuple[str, Any]:
    """What is known of a value: 1 is 1.0, and true is not 1. Of a list or an object nothing but that it is one."""
    kind = _type_of(value)
    return kind, None if kind in ("array", "object") else value


def _type_of(value: Any) -> str:
    match value:
        case bool():
            return "boolean"
        case None:
            return "null"
        case str():
            return "string"
        case int() | float():
            return "number"
        case list():
            return "array"
        case _:
            return "object"
