"""Where the console commands start, `supernet-worker` and `supernet-coordinator`.

In a wheel the folders `wire`, `program`, `worker` and `coordinator` lie beside this file: beside the packages of others
their names could be taken (pyproject.toml). This folder comes first on a program's path, so that `import wire` finds
ours. In a checkout they lie one folder up, which an editable install puts on the path.
"""

import signal
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

EXIT_CONFIG = 78  # of sysexits.h: trying again would not help, and scripts/supernet-worker.service does not
OURS = frozenset({"supernet", "wire", "program", "worker", "coordinator"})
EXTRAS = {"nats": "cluster", "opentelemetry": "otel"}  # what brings a library that a program does not always need


def worker() -> int:
    """`supernet-worker`: returns its exit status."""
    return _start("worker", "llama_cpp")


def coordinator() -> int:
    """`supernet-coordinator`: returns its exit status."""
    return _start("coordinator", "sqlalchemy")


def _start(program: str, library: str) -> int:
    """`library` comes with the extra of the program's name, and with no other."""
    if find_spec(library) is None:
        return _ended(program, f"what it needs is not installed. Run: pip install 'supernet[{program}]'")
    sys.path.insert(0, str(Path(__file__).parent))
    try:
        status: int = import_module(f"{program}.__main__").main()
    except KeyboardInterrupt:  # the program itself knows what to do with one, once it is there
        _ended(program, "stopped by a signal")
        return 128 + signal.SIGINT
    except ModuleNotFoundError as error:
        words = missing(error, program)
        if words is None:
            raise
        return _ended(program, words)
    return status


def missing(error: ModuleNotFoundError, program: str) -> str | None:
    """What to install for a module that could not be imported; None: it is one of ours, and that is a fault."""
    name = (error.name or "").partition(".")[0]
    if not name or name in OURS:
        return None
    extras = ",".join([program, *filter(None, [EXTRAS.get(name)])])
    return f"a library is not installed, or too old: {name}. Run: pip install --upgrade 'supernet[{extras}]'"


def _ended(program: str, words: str) -> int:
    print(f"supernet-{program}: {words}", file=sys.stderr)
    return EXIT_CONFIG
