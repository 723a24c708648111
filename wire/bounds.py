"""How much a JSON text may hold, counted before it is parsed.

A parser makes an object of everything that it reads, wanted or not: 4 MB of `{},{},` in a schema took 830 ms and 130
MB, in a field that nobody knows as much. Here only characters are counted: what stands in strings is left out where
that matters, and text of any length costs next to nothing.
"""

import re
from dataclasses import dataclass

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)  # possessive: linear, whatever a stranger leaves open


@dataclass(frozen=True)
class Bounds:
    """The most lists and objects (`containers`), and the most members of all of them together (`values`)."""

    containers: int
    values: int


def excess(text: bytes, most: Bounds) -> str | None:
    """What there is too much of; None: the text is within the bounds. Texts that are no JSON are for the parser."""
    if _within(text, most):
        return None  # with all the commas of its prose
    if text.count(b'"') - text.count(b'\\"') > 4 * (most.values + 1):  # a member is at most a key and a string
        return f"more than {most.values} values"
    bare = _STRING.sub(b"", text)
    if _within(bare, most):
        return None
    if _containers(bare) > most.containers:
        return f"more than {most.containers} lists and objects"
    return f"more than {most.values} values"


def _containers(text: bytes) -> int:
    return text.count(b"{") + text.count(b"[")


def _within(text: bytes, most: Bounds) -> bool:
    containers = _containers(text)
    return containers <= most.containers and containers + text.count(b",") <= most.values
