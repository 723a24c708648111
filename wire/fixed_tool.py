"""A tool that is the same for every request, and what was made of it once. The platform's own are declared with nearly
every chat: to write the six as JSON and to count that, again and again, took a third of what a small chat takes."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar, TypeVarTuple

from wire.chat import Tool

Args = TypeVarTuple("Args")
T = TypeVar("T")
KEPT = 64  # results of one measure: eight tools, each for every format of chats


class FixedTool(Tool):
    """Known by its identity, and never changed: neither are its parameters."""

    __hash__ = object.__hash__


def once(measure: Callable[[Tool, *Args], T]) -> Callable[[Tool, *Args], T]:
    """A function of a tool that remembers what it found for fixed ones. What a client declares is not kept."""
    kept = lru_cache(KEPT)(measure)

    @wraps(measure)
    def found(tool: Tool, /, *args: *Args) -> T:
        return kept(tool, *args) if isinstance(tool, FixedTool) else measure(tool, *args)

    return found
