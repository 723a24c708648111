"""Reading a JSON object of a request so that no field can be accepted and ignored in silence.

A field is taken by name; every field that was not taken is refused by name at the end. A field without an effect can
only be taken by `accept`, and only if it is in the table of field_table.py with its reason.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Self, TypeVar

from coordinator.openai.field_table import ACCEPTED, LIMITED, REFUSED
from wire.errors import invalid

MAX_WARNINGS = 32

T = TypeVar("T")

_KINDS = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", int: "an integer", float: "a number"}


def kind(value: object) -> str:
    return _KINDS.get(type(value), "null")


@cache
def camel(name: str) -> str:
    """`max_tokens` -> `maxTokens`."""
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)


class Fields:
    """One JSON object at `path` (empty for the body itself). Every name is read as snake_case or camelCase.

    A null counts as a field that is not given. All methods raise invalid_request with the field as `param`. The lists
    are those of chat completions; another API has its own in a subclass.
    """

    accepted: Mapping[str, str] = ACCEPTED
    limited: Mapping[str, tuple[tuple[Any, ...], str]] = LIMITED
    refused: Mapping[str, str] = REFUSED

    def __init__(self, value: object, path: str = "") -> None:
        if not isinstance(value, dict):
            raise invalid(path or None, f"Invalid type for '{path or 'body'}': expected an object, got {kind(value)}.")
        self._left: dict[str, Any] = dict(value)
        self._path = path
        self._warnings: list[str] = []  # shared with the objects inside

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the answer has to say of this request, in the order in which it was read."""
        return tuple(self._warnings)

    def warn(self, text: str) -> None:
        """Have the answer say something of the request that was taken and could not be done. The same is said once."""
        if text not in self._warnings and len(self._warnings) < MAX_WARNINGS:
            self._warnings.append(text)

    def at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def take(self, name: str) -> Any:
        """Take the value as it is; None when it is missing or null."""
        value = self._left.pop(name, None)
        if (other := camel(name)) != name and (again := self._left.pop(other, None)) is not None:
            if value is not None and again != value:
                raise invalid(self.at(name), f"'{name}' and '{other}' are the same parameter: send one of them.")
            return again
        return value

    def text(self, name: str, *, low: int = 0, high: int | None = None, printable: bool = False) -> str | None:
        """A string of `low` to `high` characters. `printable`: one line, with nothing that a terminal obeys."""
        value = self.take(name)
        if value is not None and not isinstance(value, str):
            raise self.wrong_type(name, "a string", value)
        if value is not None and (len(value) < low or (high is not None and len(value) > high)):
            bounds = f"{low} to {high} characters" if high is not None else f"at least {low} characters"
            raise invalid(self.at(name), f"Invalid '{self.at(name)}': expected {bounds}, got {len(value)}.")
        if printable and value is not None and not value.isprintable():
            raise invalid(self.at(name), f"Invalid '{self.at(name)}': expected one line of printable characters.")
        return value

    def matching(self, name: str, pattern: re.Pattern[str], bounds: str) -> str | None:
        """A string that is one match of `pattern`, which `bounds` says in words: "1 to 64 of the digits 0-9"."""
        value = self.text(name)
        if value is not None and not pattern.fullmatch(value):
            raise invalid(self.at(name), f"Invalid '{self.at(name)}': expected {bounds}.")
        return value

    def flag(self, name: str) -> bool | None:
        value = self.take(name)
        if value is not None and not isinstance(value, bool):
            raise self.wrong_type(name, "a boolean", value)
        return value

    def integer(self, name: str, low: int, high: int | None = None) -> int | None:
        """Take an integer within bounds; None when it is missing. 1.0 is one: some languages know no other numbers."""
        value = self.take(name)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53:  # beyond it a float is not exact
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.wrong_type(name, "an integer", value)
        if value < low or (high is not None and value > high):
            bounds = f"between {low} and {high}" if high is not None else f"of at least {low}"
            raise invalid(self.at(name), f"Invalid '{self.at(name)}': expected an integer {bounds}.")
        return value

    def number(self, name: str, low: float, high: float) -> float | None:
        """A number from `low` to `high`."""
        value = self.take(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong_type(name, "a number", value)
        if not low <= value <= high:
            message = f"Invalid '{self.at(name)}': expected a number between {low:g} and {high:g}."
            raise invalid(self.at(name), message)
        return float(value)

    def choice(self, name: str, values: tuple[str, ...]) -> str | None:
        """Take one of the given values; None when it is missing."""
        value = self.take(name)
        if value is not None and (not isinstance(value, str) or value not in values):
            listed = ", ".join(f"'{one}'" for one in values)
            raise invalid(self.at(name), f"Invalid '{self.at(name)}': supported values are {listed}.")
        return value

    def array(self, name: str, high: int) -> list[Any] | None:
        """Take an array of at most `high` items, unread; None when it is missing."""
        value = self.take(name)
        if value is not None and not isinstance(value, list):
            raise self.wrong_type(name, "an array", value)
        if value is not None and len(value) > high:
            message = f"Invalid '{self.at(name)}': {len(value)} items, at most {high} are accepted."
            raise invalid(self.at(name), message)
        return value

    def inner(self, name: str) -> Self | None:
        """Take an object, as Fields of its own; None when it is missing."""
        value = self.take(name)
        if value is None:
            return None
        made = type(self)(value, self.at(name))
        made._warnings = self._warnings
        return made

    def accept(self, *names: str) -> None:
        """Take fields that have no effect, each in the table with its reason."""
        for name in names:
            if self.take(name) is not None and (listed := _generic(self.at(name))) not in self.accepted:
                raise KeyError(f"{listed} is not on the list of accepted fields")

    def limit(self, *names: str) -> None:
        """Take fields of which only the values on the list are accepted."""
        for name in names:
            values, why = self.limited[_generic(self.at(name))]
            value = self.take(name)
            if value is not None and not _among(value, values):
                raise invalid(self.at(name), f"Unsupported value for '{self.at(name)}': {why}.")

    def by_the_lists(self) -> None:
        """Treat every field of the body itself that is on a list."""
        self.refuse(self.refused)
        self.limit(*(name for name in self.limited if "." not in name))
        self.accept(*(name for name in self.accepted if "." not in name))

    def refuse(self, names: Mapping[str, str]) -> None:
        """Refuse fields with what to do instead; null and an empty list ask for nothing and pass."""
        for name, instead in names.items():
            if (value := self.take(name)) is not None and value != []:
                raise invalid(self.at(name), f"Unsupported parameter: '{self.at(name)}'. Here: {instead}.")

    def leave(self) -> None:
        """Take all that is left, unread: of an object that is left out as a whole."""
        self._left.clear()

    def finish(self) -> None:
        """Refuse every field that was not taken; one that is null asks for nothing, whatever it is."""
        for name in (name for name, value in self._left.items() if value is not None):
            param = self.at(name if len(name) <= 64 else name[:64] + "…")
            raise invalid(param, f"Unknown parameter: '{param}'.")

    def wrong_type(self, name: str, expected: str, value: object) -> Exception:
        """The error for a value of a type that was not expected."""
        message = f"Invalid type for '{self.at(name)}': expected {expected}, got {kind(value)}."
        return invalid(self.at(name), message)


def _among(value: object, values: tuple[Any, ...]) -> bool:
    """Whether it is one of them. In Python 0 equals False; in JSON it does not."""
    return any(isinstance(value, bool) is isinstance(one, bool) and value == one for one in values)


def agreed(*given: tuple[str, T | None]) -> T | None:
    """The value of a parameter that has several names: (name, value). Raises SupernetError if two of them differ."""
    known = [(name, value) for name, value in given if value is not None]
    for name, value in known[1:]:
        if value != known[0][1]:
            raise invalid(name, f"'{known[0][0]}' and '{name}' are the same parameter: send one of them.")
    return known[0][1] if known else None


def _generic(path: str) -> str:
    return re.sub(r"\[\d+\]", "[]", path)
