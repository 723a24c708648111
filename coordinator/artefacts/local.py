"""Objects on this machine's disk: a folder with a file for each, named by its SHA-256 alone."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

from coordinator.artefacts.objects import Listed, ObjectsError

NAME = re.compile(r"[0-9a-f]{64}")

T = TypeVar("T")


class LocalObjects:
    """Files below `folder`, 256 folders of them. What `put` takes must lie on the same file system."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def put(self, sha256: str, file: Path, media_type: str) -> None:
        await _aside(lambda: _move(file, self._file(sha256)))

    async def place(self, sha256: str, media_type: str) -> Path:
        return self._file(sha256)

    async def read(self, sha256: str) -> bytes:
        return await _aside(self._file(sha256).read_bytes)

    async def delete(self, sha256: str) -> None:
        await _aside(lambda: self._file(sha256).unlink(missing_ok=True))

    async def all(self) -> AsyncIterator[Listed]:
        for number in range(256):
            for listed in await _aside(lambda at=number: _files(self.folder / f"{at:02x}")):  # type: ignore[misc]
                yield listed

    def _file(self, sha256: str) -> Path:
        if not NAME.fullmatch(sha256):  # names come from our own hashing: this is the last line, not the first
            raise ObjectsError("an object is named by 64 hexadecimal digits")
        return self.folder / sha256[:2] / sha256


async def _aside(work: Callable[[], T]) -> T:
    """The result of what blocks, from a thread. Raises ObjectsError."""
    try:
        return await asyncio.to_thread(work)
    except OSError as error:
        raise ObjectsError(f"{error.filename}: {error.strerror}") from None


def _move(file: Path, to: Path) -> None:
    """Durable when it returns: the row that names the object is written after it."""
    to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with file.open("rb") as written:
        os.fsync(written.fileno())
    os.replace(file, to)
    folder = os.open(to.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _files(folder: Path) -> list[Listed]:
    if not folder.is_dir():
        return []
    found = []
    for file in sorted(folder.iterdir()):
        try:
            if NAME.fullmatch(file.name):
                found.append(Listed(file.name, file.stat().st_mtime_ns // 1_000_000))
        except FileNotFoundError:
            continue  # deleted meanwhile
    return found
