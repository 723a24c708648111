"""Builds a release into a folder: the distribution, the packages that a worker needs, the engines and the installer."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools.environments import UV
from tools.release import engine, manifest

ROOT = Path(__file__).parents[2]
INSTALLER = Path(__file__).parent / "installer"
SERVICE = ("install_service", "supernet-worker.service")  # of scripts/: what the installer runs as root
REQUIREMENTS = "requirements.txt"
ENGINE = "llama-cpp-python"
BUILD_S = 1800


class ReleaseError(Exception):
    """There is no release to be made of this; the text says why."""


def version_of(source: Path) -> str:
    """The version in pyproject.toml. Raises ReleaseError unless CHANGELOG.md begins with it, and the day it came."""
    project, changes = (source / "pyproject.toml").read_text(), (source / "CHANGELOG.md").read_text()
    version = re.search(r'(?m)^version = "(.+)"$', project)
    told = re.search(r"(?m)^## (\S+) \((.+)\)$", changes)
    if version is None or told is None or told[1] != version[1]:
        raise ReleaseError("CHANGELOG.md does not begin with the version of pyproject.toml")
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", told[2]):
        raise ReleaseError(f"CHANGELOG.md says of {told[1]} ({told[2]}): write the day there, or give --as VERSION")
    return version[1]


def about_to_be(folder: Path, as_version: str | None) -> str:
    """The version that `build` would make there. Raises ReleaseError."""
    if folder.exists():
        raise ReleaseError(f"{folder} is there already: give a new folder")
    return as_version or version_of(ROOT)


def build(folder: Path, wheels: dict[str, Path], pythons: list[str], *, as_version: str | None = None) -> str:
    """Fill the folder, which must not exist, and return the version. `wheels`: engines by name. Raises ReleaseError,
    NotPortable, and leaves nothing then."""
    version = about_to_be(folder, as_version)
    folder.mkdir(parents=True)
    try:
        _distribution(folder, version)
        _packages(folder, pythons)
        for name in SERVICE:
            shutil.copy(ROOT / "scripts" / name, folder / name)
        engines = {name: engine.add(wheel, name, folder) for name, wheel in wheels.items()}
        _installer(folder, version, manifest.write(folder, version, pythons, engines))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return version


def _distribution(folder: Path, version: str) -> None:
    """The wheel and the sdist, of what git has, so that nothing which lies about gets in."""
    source = folder / "source"
    tracked = _run("git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, tracked):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    project = source / "pyproject.toml"
    project.write_text(re.sub(r'(?m)^version = ".+"$', f'version = "{version}"', project.read_text(), count=1))
    _run(UV, "build", "--quiet", "--out-dir", folder, source)
    shutil.rmtree(source)
    (folder / ".gitignore").unlink(missing_ok=True)  # uv's


def _packages(folder: Path, pythons: list[str]) -> None:
    """What a worker needs besides, as wheels for each Python, and the file that names them all by their hashes."""
    pins = _run(
        *(UV, "pip", "compile", "--quiet", "--universal", "--python-version", pythons[0], "--extra", "worker"),
        *("--constraint", ROOT / "constraints.txt", "--no-header", "--no-annotate", "--no-emit-index-url"),
        *("--no-emit-find-links", "--no-emit-package", ENGINE, ROOT / "pyproject.toml"),
    )
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{pins}\npip\n")  # pip too: a bare machine's Python has none
    for python in pythons:
        _run(
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"),
            *("--python-version", python, "--dest", folder, "--requirement", wanted),
        )
    wanted.unlink()
    lines = [line for pin in pins.splitlines() if (line := _hashed(folder, pin))]
    ours = next(folder.glob("supernet-*.whl"))
    lines.append(f"supernet[worker]=={ours.name.split('-')[1]} --hash=sha256:{manifest.digest(ours)}")
    (folder / REQUIREMENTS).write_text("\n".join(lines) + "\n")


def _hashed(folder: Path, pin: str) -> str:
    """The pin with the hashes of its wheels; nothing for a package that is for other systems."""
    name, version = re.match(r"([^=]+)==([^ ;]+)", pin).groups()  # type: ignore[union-attr]
    spelled = re.sub(r"[-_.]+", "_", name).lower()
    files = [
        path
        for path in sorted(folder.glob("*.whl"))
        if re.sub(r"[-_.]+", "_", path.name.split("-")[0]).lower() == spelled and path.name.split("-")[1] == version
    ]
    return " ".join([pin, *(f"--hash=sha256:{manifest.digest(path)}" for path in files)]) if files else ""


def _installer(folder: Path, version: str, sha256: str) -> None:
    """One script to read before it is run, which carries its Python file by file."""
    carried = []
    for path in sorted(INSTALLER.glob("*.py")):
        text = path.read_text().replace("@VERSION@", version).replace("@MANIFEST@", sha256)
        carried.append(f"cat >\"$folder/tools/release/installer/{path.name}\" <<'END-OF-FILE'\n{text}END-OF-FILE\n")
    shell = (INSTALLER / "install.sh").read_text().replace("# @FILES@\n", "\n".join(carried))
    (folder / manifest.INSTALLER).write_text(shell)


def _run(*command: object) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=BUILD_S)
    if done.returncode:
        raise ReleaseError(f"{' '.join(map(str, command[:4]))} …: {done.stderr.strip()[-2000:]}")
    return done.stdout
