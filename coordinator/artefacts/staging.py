"""Files on their way in: each has a place of its own on the disk until it has become an object, or was refused."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from wire.errors import ErrorCode, SupernetError

PIECE_BYTES = 256 * 1024  # written at a time
GRACE_S = 20.0
SLOWEST = 64 * 1024  # bytes a second, on the whole: a file may always be GRACE_S later than that


@dataclass(frozen=True)
class Sent:
    """A file as it came, whole."""

    path: Path
    sha256: str
    size_bytes: int


class Staging:
    """The folder of such files. It is made when the first one comes; at a start it holds nothing of use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def clear(self) -> None:
        """Delete what an earlier process left. Only the one server of a database may."""
        if self._folder.is_dir():
            for file in self._folder.iterdir():
                file.unlink(missing_ok=True)

    @contextmanager
    def place(self) -> Iterator[Path]:
        """A new file's path; whatever is there at the end of the block is deleted."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / secrets.token_hex(16)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    async def receive(self, chunks: AsyncIterator[bytes], path: Path, most_bytes: int) -> Sent:
        """Write what comes to `path`. Raises request_too_large above `most_bytes`, keeping nothing of the rest, and
        invalid_request when it comes more slowly than SLOWEST."""
        digest, size, held = sha256(), 0, bytearray()
        start = asyncio.get_running_loop().time()
        with path.open("wb") as file:
            try:
                async with asyncio.timeout_at(start + GRACE_S) as cut:
                    async for chunk in chunks:
                        size += len(chunk)
                        if size > most_bytes:
                            raise too_large(most_bytes)
                        digest.update(chunk)
                        held += chunk
                        if len(held) >= PIECE_BYTES:
                            await asyncio.to_thread(file.write, held)
                            held = bytearray()
                        cut.reschedule(start + GRACE_S + size / SLOWEST)
            except TimeoutError:
                message = f"The file came more slowly than {SLOWEST // 1024} KiB a second: it was given up."
                raise SupernetError(ErrorCode.INVALID_REQUEST, message) from None
            await asyncio.to_thread(file.write, held)
        return Sent(path, digest.hexdigest(), size)


def too_large(most_bytes: int) -> SupernetError:
    """The error of a file above its bound."""
    message = f"The file is larger than {most_bytes // 2**20} MiB: send a smaller one."
    return SupernetError(ErrorCode.REQUEST_TOO_LARGE, message)
