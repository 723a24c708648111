"""argv and environment -> a command."""

import json
import logging
import os
import sys

from coordinator import commands
from coordinator.arguments import parser
from coordinator.config import Config, ConfigError, build
from coordinator.ledger.errors import LedgerError
from wire.catalog import CatalogError


def main(argv: list[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    try:
        config = build(vars(arguments), os.environ)
        if arguments.command == "serve":
            from coordinator import cli  # a second of imports that the other commands do not need

            _log(config)
            return cli.run(config, arguments.json)
        commands.run(arguments, config)
        return 0
    except (ConfigError, CatalogError, LedgerError, OSError) as error:
        print(f"supernet-coordinator: {error}", file=sys.stderr)
        return 2


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
