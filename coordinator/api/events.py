"""A response of server-sent events, and how a client that leaves is noticed while nothing is sent."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import aclosing
from typing import Any, TypeVar

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

LEFT = 499  # nginx's status for a client that closed the connection first; nobody receives it

T = TypeVar("T")


class EventStream(Response):
    """Sends `pieces` until they end, the client leaves, or `cut` is done. HEAD is answered with the headers alone.

    Written here and not with StreamingResponse, whose notice of a leaver depends on the version of ASGI that the server
    claims (starlette 1.x: only below 2.4 does it listen while it sends).
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        pieces: AsyncGenerator[bytes],
        headers: Mapping[str, str],
        *,
        cut: asyncio.Future[None] | None = None,
        detached: bool = False,
    ) -> None:
        super().__init__(headers={"cache-control": "no-cache", "x-accel-buffering": "no", **headers})
        del self.headers["content-length"]
        self._pieces = pieces
        self._cut = cut
        self._detached = detached

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            await super().__call__(scope, receive, send)
        else:
            await unless_left(receive, self._write(send), cut=self._cut, detached=self._detached)

    async def _write(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with aclosing(self._pieces) as pieces:
            async for piece in pieces:
                if piece:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def unless_left(
    receive: Receive, work: Coroutine[Any, Any, T], *, cut: asyncio.Future[None] | None = None, detached: bool = False
) -> T | None:
    """Do the work and return its result, or None if it was given up: the client left first, or `cut` was done.

    With `detached` the work goes on when the client leaves. Nothing is left running when this returns.
    """
    working = asyncio.create_task(work, name="answer")
    tasks: list[asyncio.Task[Any]] = [working]
    if not detached:
        tasks.append(asyncio.create_task(_left(receive), name="leaver"))
    try:
        await asyncio.wait([*tasks, cut] if cut is not None else tasks, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
