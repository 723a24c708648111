"""`python -m worker.engine.probe`: what the installed llama.cpp can do, as one line of JSON on stdout.

A process of its own, because loading the library starts the GPU driver, and a broken driver may take the process along.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PATIENCE_S = 60.0  # the first start of a driver may take many seconds

_CUDA = re.compile(r"lib(?:cudart|cublas)\.so\.(\d+)")


@dataclass(frozen=True)
class Build:
    """`gpu`: layers can be offloaded. `cuda`: major version of the CUDA that it was built with, if any; 0: none or not
    known. `problem` says why nothing is known, if so."""

    gpu: bool
    system: str = ""
    cuda: int = 0
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
    from worker.engine.backend import supports_gpu_offload, system_info

    found = {"gpu": supports_gpu_offload(), "system": system_info(), "cuda": cuda_of(Path("/proc/self/maps"))}
    os.write(out, json.dumps(found).encode() + b"\n")


def cuda_of(maps: Path) -> int:
    """The CUDA libraries that came into the process with llama.cpp carry their major version in their name."""
    try:
        found = _CUDA.search(maps.read_text(errors="replace"))
    except OSError:
        return 0
    return int(found[1]) if found else 0


if __name__ == "__main__":
    main()
