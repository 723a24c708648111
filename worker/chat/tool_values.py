"""A tool's JSON schema, read for one question: which JSON types may this parameter have, and which was written?"""

import ast
import json
import re
from typing import Any

ANY = frozenset({"string", "number", "integer", "boolean", "null", "array", "object"})
_STRING = frozenset({"string"})
_MOST_DEPTH = 32
_MOST_LITERAL = 65_536  # characters handed to Python's parser, which recurses
_SURROGATE = re.compile("[\ud800-\udfff]")  # half a character, which only an escape can spell
_PYTHON = {"True": "true", "False": "false", "None": "null"}


def json_types(schema: object, root: dict[str, Any]) -> frozenset[str]:
    """The JSON types that `schema` admits; ANY if it does not say. `root` is where local `$ref`s point into.

    An enum without a type has the types of its values; `nullable` (OpenAPI) adds null.
    """
    return _types(schema, root, set(), 0) or ANY


def _types(schema: object, root: dict[str, Any], seen: set[str], depth: int) -> frozenset[str]:
    """Every reference is followed once: schemas refer to themselves, and many times over. Empty: it was seen."""
    if not isinstance(schema, dict) or depth > _MOST_DEPTH:
        return ANY
    types = _own_types(schema)
    if types is None and isinstance(ref := schema.get("$ref"), str):
        known = ref in seen
        seen.add(ref)
        types = frozenset() if known else _types(_resolve(ref, root), root, seen, depth + 1)
    for word in ("anyOf", "oneOf"):
        if types is None and isinstance(branches := schema.get(word), list) and branches:
            types = frozenset[str]().union(*(_types(branch, root, seen, depth + 1) for branch in branches))
    if types is None and isinstance(parts := schema.get("allOf"), list):
        types = ANY.intersection(*(_types(part, root, seen, depth + 1) or ANY for part in parts)) or ANY
    if types is None:
        types = frozenset({"object"}) if "properties" in schema else frozenset({"array"}) if "items" in schema else ANY
    return types | {"null"} if schema.get("nullable") is True else types


def listed(schema: object, root: dict[str, Any]) -> list[Any] | None:
    """The values of a schema that lists all it admits, as an enum does, also behind a `$ref` or in branches; else None.

    Of an enum those that are not of the type beside it are left out, unless none is.
    """
    return _listed(schema, root, set(), 0)


def _listed(schema: object, root: dict[str, Any], seen: set[str], depth: int) -> list[Any] | None:
    """Every reference is followed once, as in `_types`."""
    if not isinstance(schema, dict) or depth > _MOST_DEPTH:
        return None
    if "const" in schema:
        return [schema["const"]]
    if isinstance(values := schema.get("enum"), list):
        types = json_types({"type": schema.get("type")}, {})
        types |= {"integer"} if "number" in types else set()
        return [value for value in values if _type_of(value) in types] or values
    if schema.get("type") == "null":
        return [None]
    if isinstance(ref := schema.get("$ref"), str) and ref not in seen:
        seen.add(ref)
        return _listed(_resolve(ref, root), root, seen, depth + 1)
    branches = schema.get("anyOf", schema.get("oneOf"))
    if isinstance(branches, list) and branches and "type" not in schema:
        each = [_listed(branch, root, seen, depth + 1) for branch in branches]
        return None if None in each else [value for values in each for value in values or ()]
    return None


def _own_types(schema: dict[str, Any]) -> frozenset[str] | None:
    declared = schema.get("type")
    if isinstance(declared, str) and declared in ANY:
        return frozenset({declared})
    if isinstance(declared, list):
        known = frozenset(name for name in declared if isinstance(name, str)) & ANY
        return known or None
    values = schema.get("enum")
    if isinstance(values, list) and values:
        return frozenset(_type_of(value) for value in values)
    return frozenset({_type_of(schema["const"])}) if "const" in schema else None


def _resolve(ref: str, root: dict[str, Any]) -> object:
    """The target of a local reference such as `#/$defs/unit`; None if there is none."""
    node: object = root
    for step in ref.removeprefix("#").split("/")[1:]:
        if not isinstance(node, dict):
            return None
        node = node.get(step.replace("~1", "/").replace("~0", "~"))
    return node if ref.startswith("#") else None


def _type_of(value: object) -> str:
    match value:
        case bool():
            return "boolean"
        case None:
            return "null"
        case str():
            return "string"
        case int():
            return "integer"
        case float():
            return "integer" if value.is_integer() else "number"
        case list() | tuple():
            return "array"
        case _:
            return "object"


def is_text(types: frozenset[str]) -> bool:
    """The value is text whatever it looks like, and may be streamed as it comes."""
    return types == _STRING


def to_json(text: str, types: frozenset[str]) -> str:
    """JSON text for a written value: a JSON value of a wanted type, else text.

    Unions try JSON first. If text is not wanted either, JSON of another type beats text: the caller's own validation
    then has something to say. Python's spelling (True, None, {'a': 1}) counts as JSON.
    """
    stripped = text.strip()
    for candidate in (stripped, _from_python(stripped, types)):
        value = _loads(candidate)
        if value is None:
            continue
        kind = _type_of(value[0])
        wanted = kind in types or (kind == "integer" and "number" in types)
        if (wanted and kind != "string") or (kind == "string" and types == ANY) or "string" not in types:
            return candidate
    return quoted(text)


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def escaped(written: str) -> str:
    """JSON text as UTF-8 can hold it: half a character stays the escape that it was."""
    return _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", written)


def _loads(text: str) -> tuple[Any] | None:
    """The value in a tuple, so that null is not nothing."""
    try:
        return (json.loads(text, parse_constant=_refuse),)
    except (ValueError, RecursionError):
        return None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _from_python(text: str, types: frozenset[str]) -> str:
    if text in _PYTHON:
        return _PYTHON[text]
    if text[:1] not in ("{", "[", "(") or not types & {"array", "object"} or len(text) > _MOST_LITERAL:
        return ""
    try:
        return escaped(json.dumps(ast.literal_eval(text), ensure_ascii=False, allow_nan=False))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return ""
