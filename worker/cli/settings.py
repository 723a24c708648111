"""Where each setting stands: flags over environment over file over defaults, read once, with the place remembered.

The file is TOML, one line for each setting, named as its flag: `max_temperature_c = 80`. It is that of --config, else
~/.config/supernet/worker.toml, else /etc/supernet/worker.toml, which the service reads.
"""

import argparse
import platform
import stat
import tomllib
from argparse import ArgumentTypeError
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from worker.config import (
    Config,
    ConfigError,
    checked_key,
    default_models_dir,
    default_state_dir,
    home_folder,
    read_catalogue,
    read_key,
)
from worker.machine.schedule import Schedule, ScheduleError
from worker.machine.schedule import parse as parse_schedule

PREFIX = "SUPERNET_"
RENAMED = {"SUPERNET_MODELS": "catalogue"}  # every other variable is named as its flag
COORDINATOR_PREFIX = "SUPERNET_COORDINATOR_"  # the other program's variables may stand in the same environment
SYSTEM_FILE = Path("/etc/supernet/worker.toml")
SETTINGS = "settings"  # the parser's group of flags that may stand in environment and file too
SECRET = ("key",)


@dataclass(frozen=True)
class Found:
    """`places`: setting -> where its value stood: a flag, a variable, a file, or "default"."""

    config: Config
    places: dict[str, str]


def flags(made: argparse.ArgumentParser) -> None:
    """Every setting as a flag."""
    put = made.add_argument_group(SETTINGS).add_argument
    put("--coordinator", metavar="URL", help="wss://host or ws://host:port")
    put("--key", help="the account's key; --key-file keeps it out of the process list")
    put("--key-file", type=Path, metavar="FILE", help="its first line is the key")
    put("--model", metavar="ID", help="an id of models.yaml; the catalogue's default if not given")
    put(
        "--model-file", type=Path, metavar="FILE", help="a GGUF file of this machine for --model, instead of a download"
    )
    put("--catalogue", type=Path, metavar="FILE", help="another models.yaml")
    put("--models-dir", type=Path, metavar="DIR", help="where downloaded weights are kept")
    put("--state-dir", type=Path, metavar="DIR", help="this worker's identity; one for each worker of a machine")
    put("--name", help="what the operator sees this worker as; the host's name if not given")
    put("--slots", type=_positive, metavar="N", help="jobs at once; planned from the memory if not given")
    put("--context", type=_positive, metavar="TOKENS", help="context of one job; planned if not given")
    put("--threads", type=_positive, metavar="N", help="CPU threads of the engine; planned if not given")
    stall = "most milliseconds between two tokens of an answer while another prompt is read beside it (500)"
    put("--longest-stall-ms", type=_positive, metavar="MS", help=stall)
    put("--reserve-mib", type=_natural, metavar="MIB", help="GPU memory left for your own use (512)")
    schedule = 'serve only then, local time: "22:00-07:00" or "mon-fri 18:00-08:00, sat-sun 00:00-24:00"'
    put("--schedule", type=_schedule, metavar="WINDOWS", help=schedule)
    put("--max-temperature-c", type=_number, metavar="C", help="above it fewer slots are offered")
    put("--max-power-w", type=_number, metavar="W", help="of one GPU; above it fewer slots are offered")
    put("--yield-to-owner", **_SWITCH, help="no new jobs while other programs use the GPU")
    put("--quiet-s", type=_natural, metavar="SECONDS", help="without such use, before slots are offered again (300)")
    release = (
        "of such use, a pause or closed hours, before the model leaves the GPU's memory; it comes back by itself (120)"
    )
    put("--release-s", type=_natural, metavar="SECONDS", help=release)
    put("--drain-s", type=_natural, metavar="SECONDS", help="how long running jobs may take to finish on SIGTERM (120)")
    put("--metrics", type=_address, metavar="ADDRESS:PORT", help="serve /metrics there for Prometheus")
    put("--log-json", **_SWITCH, help="log lines as JSON")


# ---- values of flags, also from variables and the file -------------------------------------------------------------


def _whole(text: str, least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise ArgumentTypeError(f"{text!r} is no whole number of {least} or more")
    return value


def _positive(text: str) -> int:
    return _whole(text, 1)


def _natural(text: str) -> int:
    return _whole(text, 0)


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 10_000:
        raise ArgumentTypeError(f"{text!r} is no number above 0 and below 10000")
    return value


def _truth(text: str) -> bool:
    if text.lower() not in _TRUTHS:
        raise ArgumentTypeError(f"{text!r} is neither yes nor no")
    return _TRUTHS[text.lower()]


def _schedule(text: str) -> Schedule:
    try:
        return parse_schedule(text)
    except ScheduleError as error:
        raise ArgumentTypeError(str(error)) from None


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not int(port) < 65536:
        raise ArgumentTypeError(f"{text!r} is no address with a port: write 127.0.0.1:9100 or [::1]:9100")
    return host.strip("[]"), int(port)


_TRUTHS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
_SWITCH: dict[str, Any] = {"nargs": "?", "const": True, "type": _truth, "metavar": "yes|no"}


# ---- where they stand ----------------------------------------------------------------------------------------------


def find(made: argparse.ArgumentParser, args: argparse.Namespace, env: Mapping[str, str]) -> Found:
    """Raises ConfigError, which names the place and the setting."""
    actions = settings(made)
    values: dict[str, Any] = {"name": platform.node(), "visible_gpus": env.get("CUDA_VISIBLE_DEVICES")}
    places: dict[str, str] = {}
    if env.get("HF_ENDPOINT"):
        values["hub"], places["hub"] = env["HF_ENDPOINT"].rstrip("/"), "HF_ENDPOINT"
    if values["visible_gpus"] is not None:
        places["visible_gpus"] = "CUDA_VISIBLE_DEVICES"
    given = {name: value for name in actions if (value := getattr(args, name)) is not None}
    layers = [
        *_from_file(_file(args.config, env), actions),
        *_from_environment(env, actions),
        *((name, value, f"--{name.replace('_', '-')}") for name, value in given.items()),
    ]
    for name, value, place in layers:  # the later ones win, and one way to give the key takes the other one's place
        for other in ("key", "key_file") if name in ("key", "key_file") else ():
            values.pop(other, None)
            places.pop(other, None)
        values[name], places[name] = value, place
    if (file := values.pop("key_file", None)) is not None:
        values["key"], places["key"] = read_key(file), f"{file}, from {places.pop('key_file')}"
    elif values.get("key"):
        values["key"] = checked_key(values["key"], places["key"])
    values["state_dir"] = values.get("state_dir") or default_state_dir(env)
    values["models_dir"] = values.get("models_dir") or default_models_dir(env, values["state_dir"])
    config = Config(**values)
    return Found(config, {field.name: places.get(field.name, "default") for field in fields(Config)})


def settings(made: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """The flags that may stand in the environment and in the file too, by setting."""
    group = next(group for group in made._action_groups if group.title == SETTINGS)
    return {action.dest: action for action in group._group_actions}


def variable(name: str) -> str:
    return next((v for v, flag in RENAMED.items() if flag == name), PREFIX + name.upper())


def _from_environment(env: Mapping[str, str], actions: dict[str, argparse.Action]) -> list[tuple[str, Any, str]]:
    """An unknown SUPERNET_ variable is an error: it may be a typo."""
    known = {variable(name): name for name in actions}
    for name in env:
        if name.startswith(PREFIX) and name not in (*known, "SUPERNET_CONFIG"):
            if not name.startswith(COORDINATOR_PREFIX):
                raise ConfigError(f"unknown environment variable {name}; known are {', '.join(known)}")
    return [(known[v], _value(actions[known[v]], env[v], v), v) for v in known if env.get(v)]


def _file(named: Path | None, env: Mapping[str, str]) -> Path | None:
    if named is None and env.get("SUPERNET_CONFIG"):
        named = Path(env["SUPERNET_CONFIG"])
    if named is not None:
        return named
    home = home_folder(env)
    folder = env.get("XDG_CONFIG_HOME") or (home and home / ".config")
    candidates = ([Path(folder) / "supernet" / "worker.toml"] if folder else []) + [SYSTEM_FILE]
    return next((path for path in candidates if _is_file(path)), None)


def _is_file(path: Path) -> bool:
    """False where this user may not look: `sudo -u` can leave HOME as it was, another user's."""
    try:
        return path.is_file()
    except OSError:
        return False


def _from_file(path: Path | None, actions: dict[str, argparse.Action]) -> list[tuple[str, Any, str]]:
    if path is None:
        return []
    try:
        found = tomllib.loads(path.read_bytes().decode("utf-8-sig"))  # Windows' editors put a mark in front
        readable = bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read the settings in {path}: {error}") from None
    for name, value in found.items():
        if name not in actions:
            raise ConfigError(f"{path}: unknown setting {name!r}; known are {', '.join(actions)}")
        if isinstance(value, dict | list):
            raise ConfigError(f"{path}: {name} must be one text, number or true/false")
    if "key" in found and readable:
        raise ConfigError(f"{path} holds the key and others can read it: chmod 600 {path}, or use key_file")
    return [(name, _value(actions[name], _text(value), f"{path}: {name}"), str(path)) for name, value in found.items()]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _value(action: argparse.Action, text: str, place: str) -> Any:
    try:
        return action.type(text) if callable(action.type) else text
    except ArgumentTypeError as error:
        raise ConfigError(f"{place}: {error}") from None


# ---- for people ------------------------------------------------------------------------------------------------------


# What a setting comes to that was not given and has no value of its own.
UNSET = {
    "coordinator": "none; needed to serve",
    "key": "none; needed to serve",
    "model": "the catalogue's default",
    "model_file": "none; the model is fetched",
    "catalogue": "the one that came with the program",
    "slots": "planned",
    "context": "planned",
    "threads": "planned",
    "schedule": "always",
    "max_temperature_c": "no limit",
    "max_power_w": "no limit",
    "metrics": "off",
    "visible_gpus": "all",
}


def shown(found: Found) -> dict[str, dict[str, Any]]:
    """Setting -> {value, from}; a key is never shown."""
    rows: dict[str, dict[str, Any]] = {}
    for field in fields(Config):
        value = getattr(found.config, field.name)
        if field.name in SECRET and value is not None:
            value = "(set, not shown)"
        elif isinstance(value, Schedule):
            value = value.text
        elif isinstance(value, tuple):
            value = f"{value[0]}:{value[1]}"
        elif isinstance(value, Path):
            value = str(value)
        rows[field.name] = {"value": value, "from": found.places[field.name]}
    return rows


def table(found: Found) -> str:
    """One line a setting, each with what it comes to."""
    words = {name: _in_words(name, row["value"], found.config) for name, row in shown(found).items()}
    width = min(48, max(map(len, words.values())))
    return "\n".join(f"{name:18} {words[name]:{width}}  {found.places[name]}" for name in words)


def _in_words(name: str, value: Any, config: Config) -> str:
    if name == "model" and value is None:
        try:
            return f"{read_catalogue(config.catalogue).default} ({UNSET[name]})"
        except ConfigError:  # of a catalogue that cannot be read; this is about the settings
            return UNSET[name]
    if value is None:
        return UNSET[name]
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
