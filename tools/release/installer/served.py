"""What the coordinator serves, each file held against its SHA-256 before it is used.

The manifest is held against the one that stands here, and every other file against the manifest.
"""

import hashlib
import json
import urllib.request
from pathlib import Path
from typing import Any

VERSION = "@VERSION@"
MANIFEST_SHA256 = "@MANIFEST@"
MAX_MANIFEST_BYTES = 2**20
TIMEOUT_S = 60


class InstallError(Exception):
    """It cannot go on; the text says what to do."""


def say(text: str) -> None:
    print(f"install: {text}", flush=True)


class Release:
    """The release that the coordinator at `url` serves; its files are kept in `folder` once they have been checked."""

    def __init__(self, url: str, folder: Path) -> None:
        self.files = f"{url}/downloads"
        self.folder = folder
        text = self._get("manifest.json", MAX_MANIFEST_BYTES)
        if hashlib.sha256(text).hexdigest() != MANIFEST_SHA256:
            raise InstallError(f"{url} serves another release than this install.sh is of: fetch install.sh again")
        told = json.loads(text)
        self.pythons: list[str] = told["pythons"]
        self.engines: dict[str, dict[str, Any]] = told["engines"]
        self.entries: dict[str, dict[str, Any]] = {entry["name"]: entry for entry in told["files"]}

    def fetch(self, name: str) -> Path:
        """The file, checked. Raises InstallError if it is another one."""
        entry, path = self.entries[name], self.folder / name
        if not path.exists():
            data = self._get(name, entry["size"])
            if hashlib.sha256(data).hexdigest() != entry["sha256"]:
                raise InstallError(f"{name} is not the file that the release has: nothing of it was used")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return path

    def _get(self, name: str, most: int) -> bytes:
        where = f"{self.files}/{name}"
        try:
            with urllib.request.urlopen(where, timeout=TIMEOUT_S) as answer:
                data: bytes = answer.read(most + 1)
        except OSError as error:
            raise InstallError(f"{where}: {error}") from None
        if len(data) > most:
            raise InstallError(f"{where} is larger than it should be")
        return data
