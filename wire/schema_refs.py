"""Where a `$ref` of a JSON Schema leads, as far as it leads into the same schema: nothing is ever fetched."""

import re
from collections.abc import Iterator
from typing import Any

_VALUES = frozenset({"const", "default", "enum", "example", "examples"})  # keywords that hold no schemas, but values
_BY_NAME = frozenset("properties patternProperties $defs definitions dependentSchemas dependencies".split())


class References:
    """The references within one schema. Its anchors are looked for once: a schema may have thousands of references."""

    def __init__(self, root: object) -> None:
        self._root = root
        self._anchors: dict[str, Any] = {}
        for node in objects(root):
            for name in (node.get("$anchor"), node.get("$dynamicAnchor")):
                if isinstance(name, str):  # one name for two schemas: which is meant depends on `$id`
                    self._anchors[name] = None if name in self._anchors else node

    def target(self, reference: object) -> Any:
        """Return the schema that a JSON Pointer (`#/$defs/a`) or an anchor (`#a`) leads to; None: there is none."""
        if isinstance(reference, str) and reference[:1] == "#" and reference[1:] in self._anchors:
            return self._anchors[reference[1:]]
        return pointed(self._root, reference)


def pointed(root: object, reference: object) -> Any:
    """Return what a JSON Pointer within `root` leads to: `#` is the root itself; None: nothing."""
    if reference == "#":
        return root
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return None
    node: Any = root
    for step in reference[2:].split("/"):
        name = re.sub(r"%([0-9A-Fa-f]{2})", lambda code: chr(int(code[1], 16)), step)
        name = name.replace("~1", "/").replace("~0", "~")
        if isinstance(node, dict):
            node = node.get(name)
        elif isinstance(node, list) and name.isascii() and name.isdigit() and int(name[:9]) < len(node):
            node = node[int(name[:9])]
        else:
            return None
    return node


def below(place: str, *steps: str | int) -> str:
    """Return the JSON Pointer of what lies below `place`."""
    return "/".join([place, *(str(step).replace("~", "~0").replace("/", "~1") for step in steps)])


def objects(schema: object) -> Iterator[dict[str, Any]]:
    """Yield every JSON object in here that may be a schema."""
    return (node for _, node in places(schema))


def places(schema: object, place: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every JSON object in here that may be a schema, with its JSON Pointer. Values that a schema gives
    (`default`, `enum`) are none, whatever stands in them; a property may have such a name."""
    waiting: list[tuple[str, object, bool]] = [(place, schema, False)]
    while waiting:
        where, node, names = waiting.pop()
        if isinstance(node, dict) and not names:
            yield where, node
        inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        waiting += [
            (below(where, step), item, not names and step in _BY_NAME)
            for step, item in inner
            if isinstance(item, dict | list) and (names or step not in _VALUES)
        ]
