"""The manifest of a release: every file with its size and SHA-256, and what each compiled engine asks of a machine."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

NAME = "manifest.json"
INSTALLER = "install.sh"  # names the manifest by its SHA-256, so the manifest cannot name it


@dataclass(frozen=True)
class Entry:
    """One file. `name`: its path in the release's folder."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Engine:
    """llama.cpp as a wheel: the oldest C library that loads it, and what the processor has to know."""

    file: str
    machine: str
    glibc: str
    cpu: tuple[str, ...]


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def entries(folder: Path) -> list[Entry]:
    """All files below the folder, but manifest and installer."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    names = [(path, path.relative_to(folder).as_posix()) for path in found]
    return [Entry(name, path.stat().st_size, digest(path)) for path, name in names if name not in (NAME, INSTALLER)]


def write(folder: Path, version: str, pythons: list[str], engines: dict[str, Engine]) -> str:
    """Write the manifest of what is in the folder, and return its SHA-256."""
    told = {
        "version": version,
        "pythons": pythons,
        "engines": {name: asdict(engine) for name, engine in engines.items()},
        "files": [asdict(entry) for entry in entries(folder)],
    }
    path = folder / NAME
    path.write_text(json.dumps(told, indent=1) + "\n")
    return digest(path)
