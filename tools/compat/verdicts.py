"""What becomes of a recorded request: it is read by the code that reads requests, and again without what that refused.

So every field of it has a verdict: taken, left out as a whole with what it stands in, or refused with a reason.
"""

import copy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from coordinator.openai.fields import Fields, camel
from tools.compat.fields import Api, as_bytes, catalog, generic
from wire.errors import SupernetError

MOST_REFUSALS = 64  # of one request
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


@dataclass(frozen=True)
class Verdict:
    """Fields are named as in docs/compatibility.md, indexes as `[]`. `refused`: each with the error's message."""

    refused: tuple[tuple[str, str], ...]
    taken: frozenset[str]
    unread: frozenset[str]  # neither asked for nor inside of anything that was taken or left out as one


def judge(api: Api, body: dict[str, Any]) -> Verdict:
    """Which model a client asked for says nothing: here it is one of the catalog."""
    left = copy.deepcopy(body)
    if "model" in left:
        left["model"] = "one"
    refused: list[tuple[str, str]] = []
    for _ in range(MOST_REFUSALS):
        error, asked, whole = _read(api, left)
        if error is None:
            return Verdict(tuple(refused), *_sorted_out(left, asked, whole))
        path = error.param or "body"
        refused.append((generic(path), error.message))
        if not _without(left, path):
            return Verdict(tuple(refused), frozenset(), frozenset())
    raise AssertionError(f"still refused without {refused}")


def _read(api: Api, body: dict[str, Any]) -> tuple[SupernetError | None, set[str], set[str]]:
    with _noted() as (asked, whole):
        try:
            api.read(as_bytes(body), catalog(), {})
        except SupernetError as error:
            return error, asked, whole
    return None, asked, whole


@contextmanager
def _noted() -> Iterator[tuple[set[str], set[str]]]:
    """Every name that a reader takes, and every object that it leaves out whole."""
    asked: set[str] = set()
    whole: set[str] = set()
    take, leave = Fields.take, Fields.leave

    def taken(self: Fields, name: str) -> Any:
        asked.update((self.at(name), self.at(camel(name))))
        return take(self, name)

    def left(self: Fields) -> None:
        whole.add(self.at("").removesuffix("."))
        leave(self)

    Fields.take, Fields.leave = taken, left  # type: ignore[method-assign]
    try:
        yield asked, whole
    finally:
        Fields.take, Fields.leave = take, leave  # type: ignore[method-assign]


def _sorted_out(body: dict[str, Any], asked: set[str], whole: set[str]) -> tuple[frozenset[str], frozenset[str]]:
    """The fields that were asked for, and those that nobody has read."""
    taken: set[str] = set()
    unread: set[str] = set()
    inside = {path.rpartition(".")[0] for path in asked}  # objects that are read field by field
    for path in _paths(body, ""):
        if path in asked:
            taken.add(generic(path))
        elif not any(above in whole or (above in asked and not _within(inside, above)) for above in _above(path)):
            unread.add(generic(path))
    return frozenset(taken), frozenset(unread)


def _within(inside: set[str], path: str) -> bool:
    return any(one == path or one.startswith((f"{path}.", f"{path}[")) for one in inside)


def _above(path: str) -> Iterator[str]:
    """`a[0].b` -> `a[0]`, `a`."""
    while (at := max(path.rfind("."), path.rfind("["))) > 0:
        path = path[:at]
        yield path


def _paths(value: Any, path: str) -> Iterator[str]:
    """Every field that is given; null gives none."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _paths(item, f"{path}[{index}]")
    elif isinstance(value, dict):
        for name, inner in value.items():
            if inner is not None:
                at = f"{path}.{name}" if path else name
                yield at
                yield from _paths(inner, at)


def _without(body: Any, path: str) -> bool:
    """Take a field out, or what a refused `type` is the type of; whether it was there."""
    steps: list[Any] = [name or int(index) for name, index in _STEP.findall(path)]
    if len(steps) > 1 and steps[-1] == "type":
        steps.pop()
    at = body
    try:
        for step in steps[:-1]:
            at = at[_spelled(at, step)]
        del at[_spelled(at, steps[-1])]
    except (KeyError, IndexError, TypeError):
        return False
    return True


def _spelled(value: Any, step: Any) -> Any:
    return camel(step) if isinstance(step, str) and step not in value else step
