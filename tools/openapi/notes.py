"""The readers of requests, watched: which fields they ask of which object, as what, and within which bounds.

`Fields` is the only way in which a request is read, so a body that is read while it is watched shows the schema of all
objects in it. What a reader takes raw, without saying as what, has its schema in raw.py.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from coordinator.openai.fields import Fields

Schema = dict[str, Any]
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


@dataclass
class Seen:
    """One object of a body: where it stood, what it held, and what its reader asked of it."""

    path: str
    value: Mapping[str, Any]
    asked: dict[str, Schema | None] = field(default_factory=dict)  # None: taken raw
    refused: set[str] = field(default_factory=set)
    left: bool = False  # left out as a whole, whatever is in it

    @property
    def place(self) -> str:
        """The path without its indices."""
        return generic(self.path)


def generic(path: str) -> str:
    return re.sub(r"\[\d+\]", "[]", path)


def without(body: Any, path: str, name: str) -> Any:
    """A copy of the body that lacks `name` in the object at `path`; raises LookupError where the body has no such."""
    steps: list[str | int] = [key or int(index) for key, index in _STEP.findall(path)]
    return _without(body, steps, name)


def _without(value: Any, steps: list[str | int], name: str) -> Any:
    if not steps:
        if name not in value:
            raise KeyError(name)
        return {key: inner for key, inner in value.items() if key != name}
    step, rest = steps[0], steps[1:]
    copy = list(value) if isinstance(value, list) else dict(value)
    copy[step] = _without(value[step], rest, name)  # type: ignore[index]
    return copy


@contextmanager
def watched() -> Iterator[list[Seen]]:
    """Every object that is read meanwhile."""
    seen: list[Seen] = []
    originals = {name: getattr(Fields, name) for name in ("__init__", "take", "refuse", "leave", *_TYPED)}

    def init(self: Any, value: object, path: str = "") -> None:
        originals["__init__"](self, value, path)
        self.seen = Seen(path, dict(self._left))
        seen.append(self.seen)

    def take(self: Any, name: str) -> Any:
        self.seen.asked.setdefault(name, None)
        return originals["take"](self, name)

    def refuse(self: Any, names: Mapping[str, str]) -> None:
        self.seen.refused.update(names)
        originals["refuse"](self, names)

    def leave(self: Any) -> None:
        self.seen.left = True
        originals["leave"](self)

    Fields.__init__, Fields.take, Fields.refuse = init, take, refuse  # type: ignore[method-assign]
    Fields.leave = leave  # type: ignore[method-assign]
    for method, schema in _TYPED.items():
        setattr(Fields, method, _typed(originals[method], schema))
    try:
        yield seen
    finally:
        for name, original in originals.items():
            setattr(Fields, name, original)


def _typed(original: Callable[..., Any], schema: Callable[..., dict[str, Schema]]) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **options: Any) -> Any:
        try:
            return original(self, *args, **options)
        finally:  # behind what the method itself asks: it says the most
            self.seen.asked.update(schema(self, *args, **options))

    return method


def _text(_: Fields, name: str, *, low: int = 0, high: int | None = None) -> dict[str, Schema]:
    bounds = {"minLength": low or None, "maxLength": high}
    return {name: {"type": "string", **_given(bounds)}}


def _matching(_: Fields, name: str, pattern: re.Pattern[str], bounds: str) -> dict[str, Schema]:
    return {name: {"type": "string", "pattern": f"^{pattern.pattern}$"}}


def _integer(_: Fields, name: str, low: int, high: int | None = None) -> dict[str, Schema]:
    return {name: {"type": "integer", **_given({"minimum": low, "maximum": high})}}


def _number(_: Fields, name: str, low: float, high: float) -> dict[str, Schema]:
    return {name: {"type": "number", "minimum": low, "maximum": high}}


def _limited(fields: Fields, *names: str) -> dict[str, Schema]:
    return {name: {"enum": list(fields.limited[generic(fields.at(name))][0])} for name in names}


def _accepted(fields: Fields, *names: str) -> dict[str, Schema]:
    """A switch may be read as one before it is taken as a field without an effect."""
    read: dict[str, Schema | None] = fields.seen.asked  # type: ignore[attr-defined]
    switches = {name: {"type": "boolean"} for name in names if (read.get(name) or {}).get("type") == "boolean"}
    why = {name: "No effect: " + fields.accepted[generic(fields.at(name))] + "." for name in names}
    return {name: {**switches.get(name, {}), "description": why[name]} for name in names}


_TYPED: Mapping[str, Callable[..., dict[str, Schema]]] = {
    "text": _text,
    "matching": _matching,
    "integer": _integer,
    "number": _number,
    "flag": lambda _, name: {name: {"type": "boolean"}},
    "choice": lambda _, name, values: {name: {"type": "string", "enum": list(values)}},
    "array": lambda _, name, high: {name: {"type": "array", "maxItems": high}},
    "inner": lambda _, name: {name: {"type": "object"}},
    "accept": _accepted,
    "limit": _limited,
}


def _given(bounds: Schema) -> Schema:
    return {key: value for key, value in bounds.items() if value is not None}
