"""A line that can be cut: a TCP proxy in front of the coordinator's port."""

import asyncio
from contextlib import suppress


class Proxy:
    """Forwards connections to `target` on loopback; cut() drops them all and takes no new ones until mend()."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._lines: set[asyncio.Task[None]] = set()
        self._dead = False
        self._flows = asyncio.Event()
        self._flows.set()
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        self._dead = True
        for writer in self._open:
            writer.transport.abort()

    def mend(self) -> None:
        self._dead = False
        self._flows.set()

    def hold(self) -> None:
        """Nothing passes any more, and nobody is told: a half-open line."""
        self._flows.clear()

    async def close(self) -> None:
        self.cut()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        for line in self._lines:
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """No coroutine: one that is cancelled before it runs would leave its socket to the garbage collector."""
        if self._dead:
            writer.transport.abort()
            return
        self._open.add(writer)
        line = asyncio.create_task(self._forward(reader, writer))
        self._lines.add(line)
        line.add_done_callback(lambda line: self._ended(line, writer))

    def _ended(self, line: asyncio.Task[None], writer: asyncio.StreamWriter) -> None:
        self._lines.discard(line)
        self._open.discard(writer)
        writer.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):  # nobody there
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target)
            self._open.add(there_writer)
            try:
                await asyncio.gather(self._copy(reader, there_writer), self._copy(there_reader, writer))
            finally:
                self._open.discard(there_writer)
                there_writer.transport.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
