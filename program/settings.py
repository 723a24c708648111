"""What a program can be told: each setting is declared once, as a field of a frozen dataclass, by `setting`.

A setting can stand in a flag, in an environment variable and in a line of the program's file; `sources` finds it there.
"""

import dataclasses
from argparse import ArgumentTypeError
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Read = Callable[[str], Any]


class ConfigError(Exception):
    """The settings cannot work; the text says which one, where it stands, and what to do."""


@dataclass(frozen=True)
class Setting:
    """One setting. `read` makes its value of a text, and raises ValueError that says what is wrong with the text.

    `unset`: the default in words, where it depends on the machine or on another setting. `instead_of`: another setting
    that this one is a second way to give; the nearer of the two wins. `variable`: one that other programs obey too;
    such a setting has no flag and no line in the file.
    """

    name: str
    default: Any
    help: str
    read: Read
    metavar: str
    unset: str
    secret: bool
    instead_of: str
    variable: str

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def default_in_words(self) -> str:
        return self.unset or in_words(self.default)

    def add_flag(self, add_argument: Callable[..., Any]) -> None:
        """The setting as a flag of a parser, or of a group of one; None where it was not given."""
        text = f"{self.help} (default: {self.default_in_words})".replace("%", "%%")
        optional = {"nargs": "?", "const": True} if self.read is switch else {}
        add_argument(self.flag, type=self.read_flag, metavar=self.metavar, help=text, **optional)

    def read_flag(self, text: str) -> Any:
        """`read` for argparse: raises ArgumentTypeError, whose text argparse shows, unlike that of any other error."""
        try:
            return self.read(text)
        except ValueError as error:
            raise ArgumentTypeError(str(error)) from None


def setting(
    default: Any,
    help: str,
    read: Read = str,
    metavar: str = "",
    unset: str = "",
    *,
    secret: bool = False,
    instead_of: str = "",
    variable: str = "",
) -> Any:
    """A field of a dataclass of settings. A function as `default` is called for each new object."""
    made = callable(default)
    row = Setting("", None if made else default, help, read, metavar, unset, secret, instead_of, variable)
    metadata = {"setting": row}
    return dataclasses.field(**{"default_factory" if made else "default": default}, metadata=metadata)


def declared(config: type) -> dict[str, Setting]:
    """Name -> setting, of a dataclass whose fields are made by `setting`; others are for the program itself."""
    rows = {}
    for field in dataclasses.fields(config):
        if "setting" not in field.metadata:
            continue
        row: Setting = field.metadata["setting"]
        metavar = row.metavar or ("yes|no" if row.read is switch else field.name.upper())
        rows[field.name] = dataclasses.replace(row, name=field.name, metavar=metavar)
    return rows


def in_words(value: Any) -> str:
    """A setting's value as an owner would write it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


# ---- how the text of a setting is read: each raises ValueError, which quotes the text --------------------------------

_SWITCHES = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def switch(text: str) -> bool:
    if text.lower() not in _SWITCHES:
        raise ValueError(f"{text!r} is neither yes nor no")
    return _SWITCHES[text.lower()]


def one_of(*words: str) -> Read:
    """A reader of one word of a few."""

    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"{text!r} is none of {', '.join(words)}")
        return text

    return read


def whole(least: int, most: int | None = None) -> Read:
    """A reader of whole numbers."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least or (most is not None and value > most):
            bounds = f"of {least} or more" if most is None else f"from {least} to {most}"
            raise ValueError(f"{text!r} is no whole number {bounds}")
        return value

    return read


def number(least: float, most: float) -> Read:
    """A reader of numbers with or without a fraction."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most:  # NaN neither
            raise ValueError(f"{text!r} is no number from {least:g} to {most:g}")
        return value

    return read
