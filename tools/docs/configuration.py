"""docs/configuration.md, from the two programs' own settings."""

from coordinator.config import SOURCES as COORDINATOR
from program.settings import Setting
from program.sources import Sources
from tools.docs.tables import table
from worker.cli.settings import SOURCES as WORKER

INTRODUCTION = """# Configuration

Made by `scripts/docs` from both programs: do not edit it here. One precedence everywhere: a flag wins over the
environment, that over the file, and that over the default. A variable or a line of the file that is not known is
refused: it may be a typo.

The file is TOML. A setting is named there as its flag, with underscores: `max_power_w = 300`, `yield_to_owner = true`,
`schedule = "mon-fri 22:00-07:00"`.

## Worker

`supernet-worker`. Its file is that of `--config` or `SUPERNET_CONFIG`, else `~/.config/supernet/worker.toml`, else
`/etc/supernet/worker.toml`. `supernet-worker --show-config` says where each value comes from.
"""

BETWEEN = """## Coordinator

`supernet-coordinator serve`, and what of it each other command needs. Its file is that of `--config` or
`SUPERNET_COORDINATOR_CONFIG`, else `~/.config/supernet/coordinator.toml`, else `/etc/supernet/coordinator.toml`.
"""
HEAD = ("flag", "variable", "default", "meaning")


def page() -> str:
    """The whole of docs/configuration.md."""
    return "\n".join([INTRODUCTION, table(HEAD, rows(WORKER)), "", BETWEEN, table(HEAD, rows(COORDINATOR)), ""])


def rows(sources: Sources) -> list[tuple[str, str, str, str]]:
    return [
        (_flag(one), f"`{sources.variable(name)}`", _default(one), one.help) for name, one in sources.settings.items()
    ]


def _flag(one: Setting) -> str:
    return "none" if one.variable else f"`{one.flag} {one.metavar}`"


def _default(one: Setting) -> str:
    plain = one.unset or one.default is None
    return one.default_in_words if plain else f"`{one.default_in_words}`"
