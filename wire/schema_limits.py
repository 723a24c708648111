"""Bounds of a JSON Schema that will be compiled into a grammar. Both ends check them: a worker trusts no coordinator.

Measured with llguidance 1.9.1: counts (maxItems, minLength of 10^9) cost nothing, alternatives that multiply are
refused by the compiler itself. Nesting breaks recursive readers before that, so it is bounded here. A llama-server that
was sent a schema nested 20,000 deep died, and one nested 5,000 deep held a core for 17.8 s.
"""

import json
from collections.abc import Iterator
from typing import Any

from wire.errors import SupernetError, invalid
from wire.schema_loops import loops

MAX_DEPTH = 32
MAX_BYTES = 64 * 1024
MAX_PATTERN_CHARS = 256
MAX_PATTERN_DEPTH = 8


def check_schema(schema: dict[str, Any], param: str) -> None:
    """Refuse a JSON Schema that is beyond the bounds.

    Raises SupernetError (invalid_request), which names `param` and the bound that is passed.
    """
    waiting = list[Any]([(schema, 1)])
    while waiting:
        node, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise _refusal(param, f"is nested too deep: at most {MAX_DEPTH} levels are accepted")
        if isinstance(node, dict):
            for pattern in _patterns(node):
                if len(pattern) > MAX_PATTERN_CHARS or _groups(pattern) > MAX_PATTERN_DEPTH:
                    bounds = f"at most {MAX_PATTERN_CHARS} characters and {MAX_PATTERN_DEPTH} nested groups"
                    raise _refusal(param, f"has a regular expression that is too large: {bounds} are accepted")
        inner = node.values() if isinstance(node, dict) else node
        waiting += [(item, depth + 1) for item in inner if isinstance(item, dict | list)]
    size = len(json.dumps(schema, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))
    if size > MAX_BYTES:
        raise _refusal(param, f"has {size} bytes: at most {MAX_BYTES} are accepted")
    if loops(schema):
        raise _refusal(param, "has a '$ref' that leads back to itself: no value could ever match it")


def _patterns(node: dict[str, Any]) -> Iterator[str]:
    """The regular expressions of one node: the value of `pattern`, the keys of `patternProperties`."""
    if isinstance(pattern := node.get("pattern"), str):
        yield pattern
    if isinstance(named := node.get("patternProperties"), dict):
        yield from named


def _groups(pattern: str) -> int:
    """How deep parentheses nest, escaped ones apart. Inside a character class they count too: the bound is generous."""
    depth = deepest = 0
    escaped = False
    for char in pattern:
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == "(":
            depth += 1
            deepest = max(deepest, depth)
        elif char == ")":
            depth -= 1
    return deepest


def _refusal(param: str, what: str) -> SupernetError:
    return invalid(param, f"The schema in '{param}' {what}.")
