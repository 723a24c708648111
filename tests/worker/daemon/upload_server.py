"""Where a coordinator takes files: PUT is answered here, and all else goes on to the websocket server behind."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


@dataclass
class Put:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class UploadServer:
    """`statuses`: of the next answers, then 201; 0: the line is closed without one. `early`: it answers before it has
    read the file. `held`: it reads no further while this is set."""

    behind: int = 0  # the port of the websocket server
    port: int = 0
    statuses: list[int] = field(default_factory=list)
    early: bool = False
    headers: str = ""
    said: str = '{"error": {"message": "no & no"}}'
    puts: list[Put] = field(default_factory=list)
    held: asyncio.Event | None = None
    came: asyncio.Event = field(default_factory=asyncio.Event)
    _clients: "list[asyncio.Task[Any]]" = field(default_factory=list)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["UploadServer"]:
        server = await asyncio.start_server(self._client, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._clients:
                task.cancel()
            await asyncio.gather(*self._clients, return_exceptions=True)

    async def _client(self, reader: Reader, writer: Writer) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.append(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"PUT "):
                await self._put(head.decode(), reader, writer)
            else:
                await self._pass_on(head, reader, writer)
        writer.close()

    async def _put(self, head: str, reader: Reader, writer: Writer) -> None:
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        self.came.set()
        if self.held is not None:
            await self.held.wait()
        body = b"" if self.early else await reader.readexactly(int(headers["content-length"]))
        self.puts.append(Put(first.split(" ")[1], headers, body))
        status = self.statuses.pop(0) if self.statuses else 201
        if status:
            said = self.said
            writer.write(f"HTTP/1.1 {status} X\r\n{self.headers}Content-Length: {len(said)}\r\n\r\n{said}".encode())
            await writer.drain()

    async def _pass_on(self, head: bytes, reader: Reader, writer: Writer) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", self.behind)
        forth.write(head)
        try:
            await asyncio.gather(_pump(reader, forth), _pump(back, writer))
        finally:
            forth.close()


async def _pump(reader: Reader, writer: Writer) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
