"""The port to where bytes lie: objects that are named by the SHA-256 of what they hold, and never change."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple, Protocol


class ObjectsError(Exception):
    """The store of objects does not do its work now; the text is for the operator's log."""


class Listed(NamedTuple):
    """An object that is there, and since when, in Unix milliseconds."""

    sha256: str
    since_ms: int


class Objects(Protocol):
    """Where the bytes are. Every method may raise ObjectsError."""

    async def put(self, sha256: str, file: Path, media_type: str) -> None:
        """Make the object of this file's bytes, all at once: nobody finds half of one. One that is there stays. The
        file may be gone afterwards."""
        ...

    async def place(self, sha256: str, media_type: str) -> Path | str:
        """Where its bytes are read now: a file of this machine, or a URL that was signed at this moment."""
        ...

    async def read(self, sha256: str) -> bytes:
        """All of its bytes: the caller knows how many there are."""
        ...

    async def delete(self, sha256: str) -> None:
        """Let it be gone; it may be gone already."""
        ...

    def all(self) -> AsyncIterator[Listed]:
        """Every object that is there."""
        ...
