"""The coordinator's end of a socket, played by a handler of the test: a real websocket server on loopback."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from websockets.asyncio.server import ServerConnection, serve

from wire import messages

Handler = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def coordinator(handler: Handler, **options: object) -> AsyncIterator[str]:
    subprotocols = [messages.SUBPROTOCOL]
    async with serve(handler, "127.0.0.1", 0, subprotocols=subprotocols, **options) as server:  # type: ignore[arg-type]
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
