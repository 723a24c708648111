"""An environment with the worker in it, from what the coordinator serves alone."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from tools.release.installer.served import InstallError, Release

INSTALL_S = 1800


def fill(release: Release, engine: str, venv: Path) -> None:
    """Make an environment with the worker in it. Raises InstallError, and leaves nothing then."""
    python = ".".join(platform.python_version_tuple()[:2])
    if python not in release.pythons:
        raise InstallError(f"the release is for Python {', '.join(release.pythons)}, and this is {python}")
    wheel = release.entries[release.engines[engine]["file"]]
    name, version = Path(wheel["name"]).name.split("-")[:2]
    wanted = release.folder / "wanted.txt"
    pinned = release.fetch("requirements.txt").read_text()
    wanted.write_text(f"{pinned}{name}=={version} --hash=sha256:{wheel['sha256']}\n")
    pip = release.fetch(next(file for file in release.entries if file.startswith("pip-")))
    try:
        _run([sys.executable, "-m", "venv", "--without-pip", str(venv)])
        install = [
            str(venv / "bin" / "python"),
            str(pip / "pip"),
            "install",
            "--isolated",
            "--no-cache-dir",
            "--no-input",
        ]
        install += [
            "--disable-pip-version-check",
            "--only-binary",
            ":all:",
            "--require-hashes",
            *_trusted(release.files),
        ]
        _run([*install, "--index-url", f"{release.files}/simple/{engine}", "--requirement", str(wanted)])
        _run([str(venv / "bin" / "supernet-worker"), "--version"])
    except BaseException:
        shutil.rmtree(venv, ignore_errors=True)
        raise


def _trusted(url: str) -> list[str]:
    """pip takes nothing from plain HTTP by itself. Here a hash that came with the script says what each file is."""
    parts = urlsplit(url)
    return ["--trusted-host", parts.netloc] if parts.scheme == "http" else []


def _run(command: list[str]) -> None:
    # No pip.conf of this machine: what is installed comes from the coordinator alone.
    environment = {**os.environ, "PIP_CONFIG_FILE": os.devnull}
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S, env=environment)
    if done.returncode:
        raise InstallError(f"{Path(command[0]).name} failed: {(done.stderr or done.stdout).strip()[-2000:]}")
