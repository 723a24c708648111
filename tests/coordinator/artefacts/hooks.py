"""The operator's hook: a real HTTP server, that answers as it likes."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def hook(
    answer: bytes, status: str = "200 OK", slow: bool = False, of_made: bytes | None = None
) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Its URL, and the requests that it got: head and body. `of_made`: what it answers to what was made, if that is
    something else than what it answers before."""
    heard: list[bytes] = []
    serving: list[asyncio.Task[None]] = []
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.append(task)
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        assert length is not None
        heard.append(head + await reader.readexactly(int(length[1])))
        if slow:
            await over.wait()
        told = of_made if of_made is not None and b"multipart/form-data" in head else answer
        writer.write(f"HTTP/1.1 {status}\r\ncontent-length: {len(told)}\r\n\r\n".encode() + told)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/may/it", heard
        over.set()
        await asyncio.gather(*serving, return_exceptions=True)
