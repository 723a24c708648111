"""What `--downloads` names: the folder that scripts/release made, of which workers are served."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from program.settings import ConfigError

MANIFEST, INSTALLER = "manifest.json", "install.sh"
MAX_MANIFEST_BYTES = 2**20


@dataclass(frozen=True)
class Download:
    """One file. `name`: under what it is served, which never becomes a path."""

    name: str
    path: Path
    size: int
    sha256: str

    @property
    def project(self) -> str | None:
        """The package that it is a wheel or a source of, as an index spells it (PEP 503)."""
        file = self.name.rpartition("/")[2]
        if not file.endswith((".whl", ".tar.gz")):
            return None
        return re.sub(r"[-_.]+", "-", file.split("-")[0]).lower()


@dataclass(frozen=True)
class Downloads:
    """A release. `engines`: what each compiled llama.cpp is for, by name, with its file under `file`."""

    version: str
    engines: Mapping[str, Mapping[str, Any]]
    files: Mapping[str, Download]

    def packages(self, engine: str) -> list[Download]:
        """Every package of the index for an engine: of llama.cpp that one alone."""
        return [
            file
            for name, file in self.files.items()
            if file.project is not None and (not name.startswith("engines/") or name == self.engines[engine]["file"])
        ]


def read_downloads(folder: Path) -> Downloads:
    """Raises ConfigError unless every file of the manifest is there in its size, and under the folder."""
    try:
        text = (folder / MANIFEST).read_bytes()
        told = json.loads(text[:MAX_MANIFEST_BYTES])
        entries = [(str(entry["name"]), int(entry["size"]), str(entry["sha256"])) for entry in told["files"]]
        entries += [_measured(folder, name) for name in (MANIFEST, INSTALLER)]
        files = {name: Download(name, _inside(folder, name, size), size, sha256) for name, size, sha256 in entries}
        engines = {str(name): engine for name, engine in told["engines"].items() if engine["file"] in files}
        return Downloads(str(told["version"]), engines, files)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ConfigError(f"--downloads {folder} is no folder that scripts/release made: {error}") from None


def _measured(folder: Path, name: str) -> tuple[str, int, str]:
    data = (folder / name).read_bytes()
    return name, len(data), hashlib.sha256(data).hexdigest()


def _inside(folder: Path, name: str, size: int) -> Path:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ValueError(f"{name} leads out of it")
    if path.stat().st_size != size:
        raise ValueError(f"{name} has another size than the manifest says")
    return path
