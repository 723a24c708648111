"""Where the console commands start, `supernet-worker` and `supernet-coordinator`.

In a wheel the folders `wire`, `program`, `worker` and `coordinator` lie beside this file: beside the packages of others
their names could be taken (pyproject.toml). This folder comes first on a program's path, so that `import wire` finds
ours. In a checkout they lie one folder up, which an editable install puts on the path.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

EXIT_CONFIG = 78  # of sysexits.h: trying again would not help, and scripts/supernet-worker.service does not


def worker() -> int:
    """`supernet-worker`: returns its exit status."""
    return _start("worker", "llama_cpp")


def coordinator() -> int:
    """`supernet-coordinator`: returns its exit status."""
    return _start("coordinator", "sqlalchemy")


def _start(program: str, library: str) -> int:
    """`library` comes with the extra of the program's name, and with no other."""
    if find_spec(library) is None:
        what = f"what it needs is not installed. Run: pip install 'supernet[{program}]'"
        print(f"supernet-{program}: {what}", file=sys.stderr)
        return EXIT_CONFIG
    sys.path.insert(0, str(Path(__file__).parent))
    status: int = import_module(f"{program}.__main__").main()
    return status
