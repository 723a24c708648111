"""A tool's JSON schema, read for one question: which JSON types may this parameter have, and which was written?"""

import ast
import json
import re
from typing import Any

from wire.schema_refs import pointed

ANY = frozenset({"string", "number", "integer", "boolean", "null", "array", "object"})
_STRING = frozenset({"string"})
_MOST_DEPTH = 32
_MOST_LITERAL = 65_536  # characters handed to Python's parser, which recurses
_SURROGATE = re.compile("[\ud800-\udfff]")  # half a character, which only an escape can spell
_MOST_EXACT = 2**53  # whole numbers above it are not exact in a double, which is all that many readers of JSON have
_NUMBER = re.compile(r"([-+]?)(?=\.?\d)(\d*)(?:\.(\d*))?([eE][-+]?\d+)?\Z", re.ASCII)
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
        types = frozenset() if known else _types(pointed(root, ref), root, seen, depth + 1)
    for word in ("anyOf", "oneOf"):
        if types is None and isinstance(branches := schema.get(word), list) and branches:
            types = frozenset[str]().union(*(_types(branch, root, seen, depth + 1) for branch in branches))
    if types is None and isinstance(parts := schema.get("allOf"), list):
        types = ANY.intersection(*(_types(part, root, seen, depth + 1) or ANY for part in parts)) or ANY
    if types is None:
        types = frozenset({"object"}) if "properties" in schema else frozenset({"array"}) if "items" in schema else ANY
    return types | {"null"} if schema.get("nullable") is True else types


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


def to_json(text: str, types: frozenset[str]) -> tuple[str, bool]:
    """JSON text for a written value, and whether it is of a wanted type.

    It is a JSON value of a wanted type, else text. Unions try JSON first; but where text is wanted too, a number stays
    the text that it is unless JSON would spell it so: `3.10` may be a version, and 17 digits a name that no reader's
    numbers can hold. Where text is not wanted, `007`, `+5`, `TRUE` and `NULL` can only mean one thing, and JSON of
    another type beats text: the caller's own validation then has something to say. Python's spelling (True, None,
    {'a': 1}) counts as JSON.
    """
    stripped = text.strip()
    other = None
    for candidate in (stripped, _from_python(stripped, types), _only_meaning(stripped, types)):
        value = _loads(candidate)
        if value is None:
            continue
        kind = _type_of(value[0])
        if kind == "string":
            wanted = types == ANY
        else:
            wanted = kind in types or (kind == "integer" and "number" in types)
        if wanted and ("string" not in types or _spelled_so(value[0], candidate)):
            return candidate, True
        other = other or candidate
    if "string" in types or other is None:
        return quoted(text), "string" in types
    return other, False


def _spelled_so(value: Any, written: str) -> bool:
    """Anything but a number is; a number, if JSON spells it so and every reader's numbers can hold it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return True
    return json.dumps(value) == written and not (isinstance(value, int) and abs(value) > _MOST_EXACT)


def _only_meaning(text: str, types: frozenset[str]) -> str:
    """JSON for a scalar that is spelled unlike JSON, but can be nothing else where no text is wanted."""
    word = text.lower()
    if "string" in types:
        return ""
    if ("boolean" in types and word in ("true", "false")) or ("null" in types and word == "null"):
        return word
    number = _NUMBER.match(text) if types & {"integer", "number"} else None
    if number is None:
        return ""
    sign, whole, fraction, exponent = (part or "" for part in number.groups())
    return f"{sign.strip('+')}{whole.lstrip('0') or '0'}{'.' + fraction if fraction else ''}{exponent}"


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
