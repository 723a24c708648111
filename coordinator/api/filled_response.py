"""A response with stored files in it, in base64: read one at a time as it is sent, so ten pictures are never in memory
together."""

from base64 import b64encode
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from coordinator.artefact import Artefact
from coordinator.filled import Filled

STEP_BYTES = 3 * 64 * 1024  # encoded at a time, without a rest: the interpreter stands still meanwhile

Read = Callable[[Artefact], Awaitable[bytes]]


async def in_base64(filled: Filled, read: Read) -> AsyncGenerator[bytes]:
    """The text, and the files where they belong. Raises what `read` raises."""
    for piece in filled.pieces():
        if isinstance(piece, bytes):
            yield piece
            continue
        data = await read(piece)
        for start in range(0, len(data), STEP_BYTES):
            yield b64encode(data[start : start + STEP_BYTES])


class FilledResponse(Response):
    """A whole response. A file that cannot be read after the headers were sent cuts the connection: the length that
    they promise is not reached, so no client takes the rest for all."""

    def __init__(
        self, filled: Filled, read: Read, *, media_type: str = "application/json", headers: Mapping[str, str] = {}
    ) -> None:
        super().__init__(headers={**headers, "content-length": str(filled.size_bytes)}, media_type=media_type)
        self.filled = filled
        self._read = read

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with aclosing(in_base64(self.filled, self._read)) as pieces:
            async for piece in pieces:
                if piece:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
