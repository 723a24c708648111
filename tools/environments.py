"""Environments of their own, in the user's cache, for other people's programs: none of them is a dependency of ours."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

UV = Path(sys.executable).parent / "uv"
INSTALL_S = 1800


def folder(purpose: str) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "supernet" / purpose


def python_with(home: Path, packages: Sequence[str]) -> Path:
    """The Python of an environment in `home` with the newest of `packages`; what is there and newest costs seconds."""
    python = home / "bin" / "python"
    home.mkdir(parents=True, exist_ok=True)
    if not python.exists():
        quiet(str(UV), "venv", "--quiet", "--python", sys.executable, str(home))
    quiet(str(UV), "pip", "install", "--quiet", "--upgrade", "--python", str(python), *packages)
    return python


def versions(python: Path, packages: Sequence[str]) -> dict[str, str]:
    """What is installed; the extras in a name do not count."""
    names = [name.partition("[")[0] for name in packages]
    code = "import sys, json, importlib.metadata as m; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
    out = subprocess.run([str(python), "-c", code, *names], check=True, capture_output=True, timeout=120)
    found: dict[str, str] = json.loads(out.stdout)
    return found


def licence(python: Path, package: str) -> str:
    """The licence that a package's own data name."""
    code = (
        "import sys, importlib.metadata as m; d = m.metadata(sys.argv[1]);"
        "kinds = [c.rpartition(' :: ')[2] for c in d.get_all('Classifier', []) if c.startswith('License')];"
        "print(d.get('License-Expression') or (kinds or [d.get('License') or 'none named'])[0].splitlines()[0])"
    )
    command = [str(python), "-c", code, package.partition("[")[0]]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout.strip()


def quiet(*command: str) -> None:
    subprocess.run(["nice", "-n", "1", *command], check=True, timeout=INSTALL_S, stdout=subprocess.DEVNULL)
