"""argv and environment -> a command."""

import io
import os
import sys

from coordinator.cli.arguments import parser
from coordinator.config import ConfigError, build
from coordinator.store.errors import LedgerError
from coordinator.telemetry import logs
from wire.catalog import CatalogError


def main(argv: list[str] | None = None) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a letter that the locale lacks is no reason to end; stderr knows how
    arguments = parser().parse_args(argv)
    try:
        config = build(vars(arguments), os.environ)
        if arguments.command == "serve":
            from coordinator import server  # a second of imports that the other commands do not need

            logs.configure(config.log_json)
            return server.run(config, arguments.json)
        from coordinator.cli import commands  # and another one, for the database, that --version and a typo do not need

        commands.run(arguments, config)
        return 0
    except (ConfigError, CatalogError, LedgerError, OSError) as error:
        print(f"supernet-coordinator: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
