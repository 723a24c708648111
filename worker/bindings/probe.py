"""`python -m worker.bindings.probe`: what the installed llama.cpp can do and which devices it sees, as a line of JSON.

A process of its own, because loading the library starts the GPU driver, and a broken driver may take the process along
or hang; and because a process that asks a card for its memory occupies some of it as long as it lives.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from worker.engine.devices import Build, Device
from worker.subprocesses.child import die_with_parent
from worker.subprocesses.environment import ROOT, environment
from worker.subprocesses.exit_status import describe

TIMEOUT_S = 60.0  # the first start of a driver may take many seconds
FAREWELL_S = 5.0  # a process that hangs in the driver cannot be killed: it is left behind

_CUDA = re.compile(r"lib(?:cudart|cublas)\.so\.(\d+)")
_BACKEND = re.compile(r"libggml-([a-z]+)\.so")


def ask() -> Build:
    """Run the probe, as an engine would be run. Never fails, and takes no longer than TIMEOUT_S and FAREWELL_S."""
    try:
        ended = run("worker.bindings.probe", timeout_s=TIMEOUT_S)
    except OSError as error:
        return Build(problem=f"llama.cpp cannot be tried: {error}")
    except subprocess.TimeoutExpired:
        return Build(problem=f"llama.cpp and the GPU's driver did not start within {TIMEOUT_S:.0f} s")
    lines = reversed(ended.stderr.decode("utf-8", "replace").splitlines())
    said = next((line.strip() for line in lines if line.strip()), "")
    try:
        return _read(json.loads(ended.stdout), said)
    except (ValueError, TypeError, KeyError):
        return Build(said=said, problem=f"llama.cpp cannot be loaded: it {describe(ended.returncode)}: {said}")


def run(module: str, *options: str, timeout_s: float) -> "subprocess.CompletedProcess[bytes]":
    """A module of ours in a process of its own, as an engine would be run. Raises OSError, and TimeoutExpired at most
    FAREWELL_S after `timeout_s`, whether or not the process could be killed."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", module, *options]
    env = environment(os.environ)
    child = subprocess.Popen(command, stdout=pipe, stderr=pipe, cwd=ROOT, env=env, start_new_session=True)
    try:
        out, err = child.communicate(timeout=timeout_s)
    except BaseException:  # Ctrl-C too, which reaches us alone
        child.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.communicate(timeout=FAREWELL_S)
        raise
    return subprocess.CompletedProcess(command, child.returncode, out, err)


def _read(found: dict[str, Any], said: str) -> Build:
    devices = tuple(Device(**device) for device in found.pop("devices"))
    return Build(**{**found, "devices": devices, "backends": tuple(found["backends"]), "said": said})


def main() -> None:
    die_with_parent()
    out = os.dup(1)
    os.dup2(2, 1)  # the library prints while it is loaded
    from worker.bindings.backend import devices, system_info

    found = {"system": system_info(), "devices": [asdict(device) for device in devices()]}
    os.write(out, json.dumps({**found, **libraries(Path("/proc/self/maps"))}).encode() + b"\n")


def libraries(maps: Path) -> dict[str, Any]:
    """`cuda` and `backends` of Build, read off the names of the libraries that came into the process with llama.cpp."""
    try:
        text = maps.read_text(errors="replace")
    except OSError:
        text = ""
    cuda = _CUDA.search(text)
    backends = sorted(set(_BACKEND.findall(text)) - {"base", "cpu"})
    return {"cuda": int(cuda[1]) if cuda else 0, "backends": backends}


if __name__ == "__main__":
    main()
