"""`supernet-coordinator`: serve, or one of the commands that work on the database."""

import io
import os
import sys

try:
    from coordinator.cli.arguments import parser
    from coordinator.config import build
    from coordinator.store.errors import StoreError
    from program import logs
    from program.interrupts import terminated_is_interrupted
    from program.settings import ConfigError
except KeyboardInterrupt:  # before there is anybody who knows what to do with one
    if __name__ != "__main__":
        raise
    print("supernet-coordinator: stopped by a signal", file=sys.stderr)
    sys.exit(130)


def main(argv: list[str] | None = None) -> int:
    """The whole program; returns the exit status: 0 done, 1 stopped, 2 it cannot work like this; stderr says why."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a letter that the locale lacks is no reason to end; stderr knows how
    arguments = parser().parse_args(argv)
    try:
        with terminated_is_interrupted():
            config = build(vars(arguments), os.environ)
            if arguments.command == "serve":
                from coordinator import server  # a second of imports that the other commands do not need

                logs.configure(config.log_json)
                return server.run(config, arguments.json)
            from coordinator.cli import commands  # and another one, for the database, that --version does not need

            commands.run(arguments, config)
            return 0
    except (ConfigError, StoreError, OSError) as error:
        print(f"supernet-coordinator: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("supernet-coordinator: stopped by a signal", file=sys.stderr)
        return 0 if arguments.command == "serve" else 1  # it had not begun to serve: server.run knows the signals after


if __name__ == "__main__":
    sys.exit(main())
