"""References of a JSON Schema that lead back to themselves: JSON Schema forbids them, because no value decides them.

llguidance lets them through when it only looks at a grammar, and finds out when the engine begins with it. A schema
that holds itself further in, as a tree holds its branches, is none of these: each step takes a part of the value.
"""

from collections.abc import Iterator
from typing import Any

from wire.schema_refs import References, objects

_SAME_VALUE = ("allOf", "anyOf", "oneOf")  # keywords whose schemas all look at the same value as the one around them


def loops(schema: dict[str, Any]) -> bool:
    """Whether some schema in here is, by its references, made of itself."""
    references = References(schema)
    done: set[int] = set()
    return any(id(node) not in done and _from_here(references, node, done) for node in _reached(references, schema))


def _reached(references: References, schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schemas in here, and those that references make of what is none by its place: of an example, say."""
    waiting, seen = [schema], set[int]()
    while waiting:
        for node in objects(waiting.pop()):
            if id(node) not in seen:
                seen.add(id(node))
                yield node
                target = references.target(node.get("$ref"))
                if isinstance(target, dict) and id(target) not in seen:
                    waiting.append(target)


def _from_here(references: References, start: dict[str, Any], done: set[int]) -> bool:
    """Walk from a schema through all that look at the same value; `done` are those from which no loop is reached."""
    path, on_path = [(start, _same_value(references, start))], {id(start)}
    while path:
        node, rest = path[-1]
        if not rest:
            path.pop()
            on_path.remove(id(node))
            done.add(id(node))
            continue
        step = rest.pop()
        if id(step) in on_path:
            return True
        if id(step) not in done:
            path.append((step, _same_value(references, step)))
            on_path.add(id(step))
    return False


def _same_value(references: References, node: dict[str, Any]) -> list[dict[str, Any]]:
    found = [references.target(node.get("$ref"))]
    for keyword in _SAME_VALUE:
        parts = node.get(keyword)
        found += parts if isinstance(parts, list) else []
    return [part for part in found if isinstance(part, dict)]
