"""`python -m worker.engine.probe`: what the installed llama.cpp can do, as one line of JSON on stdout.

A process of its own, because loading the library starts the GPU driver, and a broken driver may take the process along.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass

PATIENCE_S = 60.0  # the first start of a driver may take many seconds


@dataclass(frozen=True)
class Build:
    """`gpu`: layers can be offloaded. `problem` says why nothing is known, if so."""

    gpu: bool
    system: str = ""
    problem: str = ""


def ask() -> Build:
    """Run the probe. Never fails: a library that cannot be loaded has no GPU support."""
    try:
        ended = subprocess.run([sys.executable, "-m", "worker.engine.probe"], capture_output=True, timeout=PATIENCE_S)
        return Build(**json.loads(ended.stdout.decode().splitlines()[-1]))
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError, TypeError) as error:
        return Build(False, problem=f"llama.cpp cannot be loaded ({type(error).__name__}): run scripts/setup again")


def main() -> None:
    out = os.dup(1)
    os.dup2(2, 1)  # the library prints while it is loaded
    from worker.engine.llama import supports_gpu_offload, system_info

    os.write(out, json.dumps({"gpu": supports_gpu_offload(), "system": system_info()}).encode() + b"\n")


if __name__ == "__main__":
    main()
