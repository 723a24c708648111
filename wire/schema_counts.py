"""`minProperties` and `maxProperties` beside optional declared keys, said so that the grammar library counts right.

It counts undeclared keys only: of `{"properties": {"a": {}, "b": {}}, "minProperties": 1}` it makes an object that must
have a key other than these. So the optional ones are told apart, as far as the count depends on them: each branch
requires some and forbids others, and leaves to the library what it counts right.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

MOST_BRANCHES = 64
MOST_NAMES = 4096  # in all branches together


def counted(schema: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Return a schema of an object that counts its keys, and whether a grammar made of it counts right.

    `schema` has no `$ref`, `allOf`, `anyOf` or `oneOf` that could declare other keys. Its properties are repeated in
    each branch, so they had better be short.
    """
    low, high = schema.get("minProperties", 0), schema.get("maxProperties")
    declared, required = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(low, int) or not isinstance(high, int | None) or not isinstance(declared, dict):
        return schema, True  # the compiler says what is wrong with it
    must = {name for name in required if isinstance(name, str)} if isinstance(required, list) else set()
    optional = [name for name, value in declared.items() if name not in must and value is not False]
    open_ended = schema.get("additionalProperties") is not False or bool(schema.get("patternProperties"))
    rest = {word: value for word, value in schema.items() if word not in ("minProperties", "maxProperties")}
    need, room = low - len(must), None if high is None else high - len(must)
    if need <= 0 and room is None:
        return rest, True
    if len(optional) >= MOST_BRANCHES:
        return schema, False
    counter = _Counter(optional, open_ended)
    ways = list(islice(counter.ways(0, need, room, {}), MOST_BRANCHES + 1))
    # a key that is not declared may come twice in the text of an object, and is one all the same
    repeats = any(left > 1 for _, left, _ in ways) and open_ended
    if len(ways) > MOST_BRANCHES or len(ways) * len(declared) > MOST_NAMES:
        return schema, False
    if not optional or not ways:
        return schema, not repeats
    branches = [_branch(rest, declared, must, *way) for way in ways]
    return {"anyOf": branches} if len(branches) > 1 else branches[0], not repeats


def _branch(
    rest: dict[str, Any], declared: dict[str, Any], must: set[str], chosen: dict[str, bool], need: int, room: int | None
) -> dict[str, Any]:
    present = [*must, *(name for name, there in chosen.items() if there)]
    properties = {name: value if chosen.get(name, True) else False for name, value in declared.items()}
    branch = {**rest, "properties": properties, "required": sorted(present)}
    if need > 0:
        branch["minProperties"] = len(present) + need
    if room is not None:
        branch["maxProperties"] = len(present) + room
    return branch


class _Counter:
    """All ways to have enough keys and not too many: which optional ones are there and which not (the rest are free),
    and how many undeclared ones there must be and may be; None: any number."""

    def __init__(self, optional: list[str], open_ended: bool) -> None:
        self._optional = optional
        self._open = open_ended

    def ways(
        self, at: int, need: int, room: int | None, chosen: dict[str, bool]
    ) -> Iterator[tuple[dict[str, bool], int, int | None]]:
        left = len(self._optional) - at
        if need <= 0 and (room is None or (room >= left and not self._open)):
            yield chosen, 0, None
        elif left == 0:
            if self._open and (room is None or room >= max(need, 0)):
                yield chosen, need, room
        else:
            name = self._optional[at]
            if room is None or room > 0:
                further = None if room is None else room - 1
                yield from self.ways(at + 1, need - 1, further, {**chosen, name: True})
            if self._open or left - 1 >= need:
                yield from self.ways(at + 1, need, room, {**chosen, name: False})
