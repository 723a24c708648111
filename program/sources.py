"""Where the settings stand: a flag wins over an environment variable, that over a line of the file, that over the
default. The place of each value is remembered.

The file is TOML, one line for each setting, named as its flag: `max_power_w = 300`. A variable or a line that is no
setting is an error: it may be a typo.
"""

import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from program.settings import ConfigError, Setting, declared

SYSTEM_FOLDER = Path("/etc/supernet")
DEFAULT = "default"  # the place of a value that was not given

Layer = Iterator[tuple[str, Any, str]]  # name, value, place


@dataclass(frozen=True)
class Found:
    """The settings that were found, and where.

    `values` has those that were given. `places` has all: a flag, a variable, a file, or DEFAULT.
    """

    values: dict[str, Any]
    places: dict[str, str]


@dataclass(frozen=True)
class Sources:
    """The places where the settings of one program may stand.

    `config` declares the settings, `prefix` begins the names of its variables, `file` is the name of its file.
    `others`: beginnings of variables that have the same prefix and belong to another program.
    """

    config: type
    prefix: str
    file: str
    others: tuple[str, ...] = ()

    @cached_property
    def settings(self) -> dict[str, Setting]:
        return declared(self.config)

    @cached_property
    def own(self) -> dict[str, Setting]:
        """The settings that flags, our own variables and the file give: not those of other programs' variables."""
        return {name: row for name, row in self.settings.items() if not row.variable}

    @property
    def file_variable(self) -> str:
        return f"{self.prefix}CONFIG"

    def variable(self, name: str) -> str:
        return self.settings[name].variable or self.prefix + name.upper()

    def find(self, flags: Mapping[str, Any], env: Mapping[str, str]) -> Found:
        """Find each setting in the nearest place that has it.

        `flags`: name -> value, None where a flag was not given; `config` names the file. Raises ConfigError.
        """
        values: dict[str, Any] = {}
        places = dict.fromkeys(self.settings, DEFAULT)
        for layer in (
            self._in_file(self._path(flags.get("config"), env)),
            self._in_environment(env),
            self._given(flags),
        ):
            for name, value, place in layer:  # the later layer is the nearer one
                for rival in self._rivals(name):
                    values.pop(rival, None)
                    places[rival] = DEFAULT
                values[name], places[name] = value, place
        return Found(values, places)

    def _rivals(self, name: str) -> list[str]:
        """Names of the settings that give the same thing in another way: a key, or a file with the key."""
        original = self.settings[name].instead_of
        return [other for other, row in self.own.items() if other == original or row.instead_of == name]

    def _given(self, flags: Mapping[str, Any]) -> Layer:
        for name, row in self.own.items():
            if flags.get(name) is not None:
                yield name, flags[name], row.flag

    def _in_environment(self, env: Mapping[str, str]) -> Layer:
        known = {self.variable(name): row for name, row in self.settings.items()}
        for name in env:
            if name.startswith(self.prefix) and not name.startswith(self.others):
                if name not in known and name != self.file_variable:
                    names = ", ".join(self.variable(one) for one in self.own)
                    raise ConfigError(f"unknown environment variable {name}; known are {names}")
        for name, row in known.items():
            if env.get(name) or (row.variable and name in env):  # an empty one of ours is not given
                yield row.name, _value(row, env[name], name), name

    # ---- the file ----------------------------------------------------------------------------------------------------

    def _path(self, named: Path | None, env: Mapping[str, str]) -> Path | None:
        """The file that was named; else the user's or the system's, whichever is there first."""
        if named is not None:
            return named
        if env.get(self.file_variable):
            return Path(env[self.file_variable])
        home = home_folder(env)
        folder = env.get("XDG_CONFIG_HOME") or (home and home / ".config")
        folders = ([Path(folder) / "supernet"] if folder else []) + [SYSTEM_FOLDER]
        return next((path for path in (one / self.file for one in folders) if _is_file(path)), None)

    def _in_file(self, path: Path | None) -> Layer:
        if path is None:
            return
        try:
            lines = tomllib.loads(path.read_bytes().decode("utf-8-sig"))  # Windows' editors put a mark in front
            readable = bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
        except (OSError, ValueError) as error:
            raise ConfigError(f"cannot read the settings in {path}: {error}") from None
        for name, value in lines.items():
            if name not in self.own:
                raise ConfigError(f"{path}: unknown setting {name!r}; known are {', '.join(self.own)}")
            if isinstance(value, dict | list):
                raise ConfigError(f"{path}: {name} must be one text, number or true/false")
            if self.own[name].secret and readable:
                instead = "".join(f", or use {other}" for other in self._rivals(name))
                raise ConfigError(f"{path} holds the {name} and others can read it: chmod 600 {path}{instead}")
            text = str(value).lower() if isinstance(value, bool) else str(value)
            yield name, _value(self.own[name], text, f"{path}: {name}"), str(path)


def _value(row: Setting, text: str, place: str) -> Any:
    try:
        return row.read(text)
    except ValueError as error:
        raise ConfigError(f"{place}: {error}") from None


def home_folder(env: Mapping[str, str]) -> Path | None:
    """The user's home; None for a container's made-up user, who has none by HOME nor in the list of users."""
    try:
        return Path(env.get("HOME") or Path.home())
    except RuntimeError:
        return None


def _is_file(path: Path) -> bool:
    """Whether the file is there, and this user may look.

    `sudo -u` can leave HOME as it was, another user's.
    """
    try:
        return path.is_file()
    except OSError:
        return False
