"""docs/configuration.md, from the two programs' own settings."""

import argparse
from dataclasses import fields
from pathlib import Path

from coordinator import config as coordinator
from tools.docs.tables import table
from worker.cli import main
from worker.cli.settings import UNSET, settings, variable
from worker.config import Config

WORKER = """# Configuration

Made by `scripts/docs` from both programs: do not edit it here. One precedence everywhere: a flag wins over the
environment, that over the file (the worker's), and that over the default. A variable or a line of the file that is not
known is refused: it may be a typo.

## Worker

`supernet-worker`. The file is TOML: that of `--config` or `SUPERNET_CONFIG`, else `~/.config/supernet/worker.toml`,
else `/etc/supernet/worker.toml`. A setting is named there as its flag, with underscores: `max_power_w = 300`,
`yield_to_owner = true`, `schedule = "mon-fri 22:00-07:00"`. `supernet-worker --show-config` says where each value comes
from.
"""

COORDINATOR = """## Coordinator

`supernet-coordinator serve`. Booleans in the environment are `1` or `0`.
"""
HEAD = ("flag", "variable", "default", "meaning")
# What the program finds out by itself, in words: the value of one machine is of no use on another.
FOUND_OUT = {
    "models_dir": "`~/.cache/supernet/models`",
    "state_dir": "`~/.local/state/supernet`",
    "name": "the host's name",
    **UNSET,
    "coordinator": "none",
    "key": "none",
}


def page() -> str:
    """The whole of docs/configuration.md."""
    return "\n".join([WORKER, table(HEAD, worker_rows()), "", COORDINATOR, table(HEAD, coordinator_rows()), ""])


def worker_rows() -> list[tuple[str, str, str, str]]:
    defaults = {field.name: field.default for field in fields(Config)}
    return [
        (
            f"`{_flag(action)}`",
            f"`{variable(action.dest)}`",
            FOUND_OUT.get(action.dest) or _default(defaults.get(action.dest)),
            action.help or "",
        )
        for action in settings(main.parser()).values()
    ]


def _flag(action: argparse.Action) -> str:
    name = action.option_strings[0]
    metavar = action.metavar or (action.dest.upper() if action.nargs is None else "")
    return f"{name} {metavar}".strip()


def coordinator_rows() -> list[tuple[str, str, str, str]]:
    rows = []
    for field in fields(coordinator.Config):
        flag = "--" + field.name.replace("_", "-")
        value = coordinator.DEFAULTS.get(field.name) or _default(field.default)
        rows.append((f"`{flag}`", f"`{coordinator.PREFIX}{field.name.upper()}`", value, coordinator.HELP[field.name]))
    return rows


def _default(value: object) -> str:
    if value is None or value == "" or value == Path():
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"
