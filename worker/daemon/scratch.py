"""The daemon's own folder for media: the files that they are made from, and what is made. Nobody else may look into it.

A file is known by its SHA-256 and an attempt by its key, but both come from the network, so neither becomes a path:
they are numbered as they come.
"""

import contextlib
import os
import shutil
import stat
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import BinaryIO

from worker.session.slots import JobKey


class Scratch:
    """`folder` belongs to this daemon alone: what one that was killed has left there is removed at the first use.

    keep, inputs, room and open raise OSError: a disk may be full.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = False
        self._numbers = count()
        self._files: dict[str, Path] = {}
        self._spoiled: set[str] = set()
        self._attempts: dict[JobKey, Path] = {}

    def keep(self, sha256: str, data: bytes) -> None:
        """Append to the file; one that could not be written once is never whole again."""
        path = self._files.setdefault(sha256, self._name())
        try:
            self._begin()
            with path.open("ab") as file:
                file.write(data)
        except OSError:
            self._spoiled.add(sha256)
            raise

    def forget(self, sha256: str) -> None:
        """Remove the file, if it is here."""
        self._spoiled.discard(sha256)
        if (path := self._files.pop(sha256, None)) is not None:
            with contextlib.suppress(OSError):  # it was never written, or goes with the folder
                path.unlink()

    def inputs(self, names: Iterable[str]) -> tuple[tuple[str, str], ...]:
        """Return each name with the path of its file."""
        found = tuple((name, str(self._files[name])) for name in names)
        if any(name in self._spoiled for name, _ in found):
            raise OSError("an input could not be kept: is the disk full?")
        return found

    def room(self, key: JobKey) -> str:
        """Make an empty folder for what comes of this attempt, and return its path."""
        self._begin()
        path = self._attempts[key] = self._name()
        path.mkdir(mode=0o700)
        return str(path)

    def open(self, key: JobKey, path: str) -> BinaryIO:
        """Open what was made for this attempt. Whoever made it has met strangers' files: it may name no other file."""
        room = self._attempts[key]
        if Path(path).parent != room:
            raise OSError(f"{path} is not in {room}")
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(f"{path} is no file")
        return os.fdopen(descriptor, "rb")

    def clean_up(self, key: JobKey) -> None:
        """Remove what was made for this attempt."""
        if (path := self._attempts.pop(key, None)) is not None:
            shutil.rmtree(path, ignore_errors=True)

    def close(self) -> None:
        """Remove everything."""
        if self._made:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _name(self) -> Path:
        return self._folder / str(next(self._numbers))

    def _begin(self) -> None:
        if not self._made:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(mode=0o700, parents=True)
            self._made = True
