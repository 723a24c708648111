"""Bounds of a JSON Schema that will be compiled into a grammar. Both ends check them: a worker trusts no coordinator.

A compiler's time and memory grow with nesting, with alternatives that multiply, and with counted repetitions, all of
which are a few bytes of a request.
"""

import json
from typing import Any

from wire.errors import ErrorCode, SupernetError

MAX_DEPTH = 32
MAX_BYTES = 64 * 1024
MAX_PATTERN_CHARS = 256
MAX_COUNT = 10_000  # minItems, maxItems, minLength, maxLength, minProperties, maxProperties
MAX_ALL_OF = 16
_COUNTS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")


def check_schema(schema: dict[str, Any], param: str) -> None:
    """Raises SupernetError(INVALID_REQUEST) naming `param` and the bound that is passed."""
    deepest = list[Any]([(schema, 1)])
    while deepest:
        node, depth = deepest.pop()
        if depth > MAX_DEPTH:
            raise _refuse(param, f"is nested deeper than {MAX_DEPTH} levels")
        if isinstance(node, dict):
            _check_node(node, param)
            deepest += [(item, depth + 1) for item in node.values() if isinstance(item, dict | list)]
        else:
            deepest += [(item, depth + 1) for item in node if isinstance(item, dict | list)]
    if len(json.dumps(schema, ensure_ascii=False).encode("utf-8", "replace")) > MAX_BYTES:
        raise _refuse(param, f"is larger than {MAX_BYTES} bytes")


def _check_node(node: dict[str, Any], param: str) -> None:
    named = node.get("patternProperties")
    patterns = [node.get("pattern"), *(named if isinstance(named, dict) else ())]
    if any(isinstance(pattern, str) and len(pattern) > MAX_PATTERN_CHARS for pattern in patterns):
        raise _refuse(param, f"has a regular expression of more than {MAX_PATTERN_CHARS} characters")
    for word in _COUNTS:
        count = node.get(word)
        if isinstance(count, int | float) and not 0 <= count <= MAX_COUNT:
            raise _refuse(param, f"has a {word} outside of 0 to {MAX_COUNT}")
    parts = node.get("allOf")
    if isinstance(parts, list) and len(parts) > MAX_ALL_OF:
        raise _refuse(param, f"has an allOf of more than {MAX_ALL_OF} schemas")
    ref = node.get("$ref")
    if isinstance(ref, str) and not ref.startswith("#"):
        raise _refuse(param, f"refers to {ref[:64]!r}: only references inside the schema ('#/...') are followed")


def _refuse(param: str, what: str) -> SupernetError:
    return SupernetError(ErrorCode.INVALID_REQUEST, f"A schema in '{param}' {what}.", param=param)
