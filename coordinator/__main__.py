"""argv and environment -> a command."""

import json
import logging
import os
import sys
from argparse import ArgumentParser
from importlib.metadata import version
from pathlib import Path

from coordinator import commands
from coordinator.accounts import DEFAULT_ACCOUNT, DEFAULT_SCOPES, SCOPES
from coordinator.config import HELP, Config, ConfigError, build
from coordinator.ledger.database import LedgerError
from wire.catalog import CatalogError


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    try:
        config = build(vars(arguments), os.environ)
        if arguments.command == "serve":
            from coordinator import cli  # a second of imports that the other commands do not need

            _log(config)
            return cli.run(config, arguments.json)
        commands.run(arguments, config.db)
        return 0
    except (ConfigError, CatalogError, LedgerError, OSError) as error:
        print(f"supernet-coordinator: {error}", file=sys.stderr)
        return 2


def _parser() -> ArgumentParser:
    parser = ArgumentParser("supernet-coordinator", description="The API of a Supernet, in front of its workers.")
    parser.add_argument("--version", action="version", version=version("supernet"))
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="run the coordinator")
    serve.add_argument("--json", action="store_true", help="print the address as JSON once it listens")
    for name, text in HELP.items():
        _setting(serve, name, text)
    key = commands.add_parser("key", help="API keys").add_subparsers(dest="action", required=True)
    create = key.add_parser("create", help="make a key; it is shown once")
    create.add_argument("--name", required=True)
    create.add_argument("--account", default=DEFAULT_ACCOUNT)
    create.add_argument("--scope", default=",".join(DEFAULT_SCOPES), help=f"some of {','.join(SCOPES)}")
    revoke = key.add_parser("revoke", help="end a key; running coordinators know within a second")
    revoke.add_argument("id")
    account = commands.add_parser("account", help="accounts").add_subparsers(dest="action", required=True)
    new = account.add_parser("create")
    new.add_argument("--name", required=True)
    for command in (create, key.add_parser("list"), revoke, new, account.add_parser("list")):
        command.add_argument("--json", action="store_true", help="results as JSON")
        _setting(command, "db", HELP["db"])
    return parser


def _setting(parser: ArgumentParser, name: str, text: str) -> None:
    flag, default = "--" + name.replace("_", "-"), getattr(Config, name)
    if isinstance(default, bool):
        parser.add_argument(flag, action="store_true", default=None, help=text)
        return
    kind = Path if name in ("db", "models") else type(default)
    parser.add_argument(flag, type=kind, metavar=name.upper(), help=f"{text} (default {default or 'built in'})")


def _log(config: Config) -> None:
    handler = logging.StreamHandler()
    if config.log_json:
        handler.setFormatter(_JsonLines())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{record.msecs:03.0f}",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


if __name__ == "__main__":
    sys.exit(main())
