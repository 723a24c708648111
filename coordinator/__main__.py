"""argv and environment -> a command."""

import json
import logging
import os
import sys
import time

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


_FIELDS = ("event", "worker", "job")  # of a record's `extra`; no other reaches a line


class _JsonLines(logging.Formatter):
    """The same shape as a worker's lines: times in UTC, and ids in fields of their own."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name in _FIELDS if (value := getattr(record, name, None))},
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


if __name__ == "__main__":
    sys.exit(main())
