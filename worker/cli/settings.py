"""The worker's settings: found where they stand, checked, and shown to their owner."""

import argparse
import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from program.settings import ConfigError, in_words
from program.sources import Sources
from worker.config import Config, checked_key, default_models_dir, default_state_dir, read_key
from worker.machine.schedule import Schedule

# The coordinator's variables may stand in the same environment.
SOURCES = Sources(Config, "SUPERNET_", "worker.toml", ("SUPERNET_COORDINATOR_",))


@dataclass(frozen=True)
class Settings:
    """The settings, and where each was found.

    `places`: setting -> a flag, a variable, a file, or "default".
    """

    config: Config
    places: dict[str, str]


def flags(parser: argparse.ArgumentParser) -> None:
    """Every setting as a flag."""
    group = parser.add_argument_group("settings")
    for row in SOURCES.own.values():
        row.add_flag(group.add_argument)


def find(args: argparse.Namespace, env: Mapping[str, str]) -> Settings:
    """Find and check the settings. Raises ConfigError, which names the place and the setting."""
    found = SOURCES.find(vars(args), env)
    values, places = found.values, found.places
    if (file := values.get("key_file")) is not None:
        values["key"], places["key"] = read_key(file), f"{file}, from {places['key_file']}"
    elif values.get("key"):
        values["key"] = checked_key(values["key"], places["key"])
    values.setdefault("name", platform.node())
    values["state_dir"] = values.get("state_dir") or default_state_dir(env)
    values["models_dir"] = values.get("models_dir") or default_models_dir(env, values["state_dir"])
    return Settings(Config(**values), places)


def shown(found: Settings) -> dict[str, dict[str, Any]]:
    """Setting -> {value, from}; a key is never shown."""
    rows: dict[str, dict[str, Any]] = {}
    for name, setting in SOURCES.settings.items():
        value = getattr(found.config, name)
        if setting.secret and value is not None:
            value = "(set, not shown)"
        elif isinstance(value, Schedule):
            value = value.text
        elif isinstance(value, tuple):
            value = ",".join(value) if name == "media_tools" else f"{value[0]}:{value[1]}"
        elif isinstance(value, Path):
            value = str(value)
        rows[name] = {"value": value, "from": found.places[name]}
    return rows


def table(found: Settings) -> str:
    """One line a setting, each with what it comes to."""
    words = {name: _in_words(name, row["value"], found.config) for name, row in shown(found).items()}
    width = min(48, max(map(len, words.values())))
    return "\n".join(f"{name:18} {words[name]:{width}}  {found.places[name]}" for name in words)


def _in_words(name: str, value: Any, config: Config) -> str:
    if value is not None:
        return in_words(value)
    unset = SOURCES.settings[name].default_in_words
    if name == "model":
        from worker.known_models import kept, known  # half of the time that --status would need to start

        try:
            return f"{known(replace(config, handed=kept(config))).default} ({unset})"
        except ConfigError:  # of a catalog that cannot be read; this is about the settings
            pass
    return unset
