"""Bounds of a JSON Schema that will be compiled into a grammar. Both ends check them: a worker trusts no coordinator.

Measured with llguidance 1.9.1: counts (maxItems, minLength of 10^9) and references that loop cost nothing, alternatives
that multiply are refused by the compiler itself. Nesting breaks recursive readers before that, so it is bounded here.
"""

import json
from typing import Any

from wire.errors import ErrorCode, SupernetError

MAX_DEPTH = 32
MAX_BYTES = 64 * 1024
MAX_PATTERN_CHARS = 256


def check_schema(schema: dict[str, Any], param: str) -> None:
    """Raises SupernetError(INVALID_REQUEST) naming `param` and the bound that is passed."""
    waiting = list[Any]([(schema, 1)])
    while waiting:
        node, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise _refuse(param, f"is nested deeper than {MAX_DEPTH} levels")
        if isinstance(node, dict):
            _check_node(node, param)
            waiting += [(item, depth + 1) for item in node.values() if isinstance(item, dict | list)]
        else:
            waiting += [(item, depth + 1) for item in node if isinstance(item, dict | list)]
    if len(json.dumps(schema, ensure_ascii=False).encode("utf-8", "replace")) > MAX_BYTES:
        raise _refuse(param, f"is larger than {MAX_BYTES} bytes")


def _check_node(node: dict[str, Any], param: str) -> None:
    named = node.get("patternProperties")
    patterns = [node.get("pattern"), *(named if isinstance(named, dict) else ())]
    if any(isinstance(pattern, str) and len(pattern) > MAX_PATTERN_CHARS for pattern in patterns):
        raise _refuse(param, f"has a regular expression of more than {MAX_PATTERN_CHARS} characters")


def _refuse(param: str, what: str) -> SupernetError:
    return SupernetError(ErrorCode.INVALID_REQUEST, f"A schema in '{param}' {what}.", param=param)
