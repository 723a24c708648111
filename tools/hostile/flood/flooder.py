"""Who floods: a worker that dials a coordinator, or a coordinator that a worker dials. Both send until all bytes are
sent or the time is over, whatever is said to them."""

import asyncio
import base64
import hashlib
import socket
from contextlib import suppress
from urllib.parse import SplitResult, urlsplit

from tools.hostile.flood.floods import MASKED, TEXT, Flood, frame
from wire.codec import encode
from wire.messages import SUBPROTOCOL, WORKER_PATH, Hello, Welcome

REDIAL_S = 0.2
LAST_WORDS_S = 1.0
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # of RFC 6455
HELLO = frame(TEXT, encode(Hello(worker="flooder", instance="f", models=())), MASKED)
WELCOME = frame(TEXT, encode(Welcome(session="flood")), 0)


class Flooder:
    """Counts what it could get rid of: `sent` bytes, connections that were `opened`, `closed` by the other side, and
    `refused`."""

    def __init__(self, flood: Flood, most_bytes: int) -> None:
        self._flood = flood
        self._most = most_bytes
        self._floods: set[asyncio.Task[None]] = set()
        self.sent = self.opened = self.closed = self.refused = 0

    async def dial(self, url: str, key: str, seconds: float) -> None:
        """Flood the coordinator at `url` as a worker, and dial again when it is left."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.sent < self._most:
                    await self._dialled(urlsplit(url), key)
                    await asyncio.sleep(REDIAL_S)

    async def listen(self, listener: socket.socket, seconds: float) -> None:
        """Flood as a coordinator every worker that dials."""
        server = await asyncio.start_server(self._welcomed, sock=listener)
        await asyncio.sleep(seconds)
        server.close()
        for task in self._floods:
            task.cancel()
        await asyncio.gather(*self._floods, return_exceptions=True)

    async def _dialled(self, where: SplitResult, key: str) -> None:
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        try:
            writer.write(_request(key))
            if b" 101 " not in await reader.readuntil(b"\r\n\r\n"):
                self.refused += 1
                return
            writer.write(HELLO)
            await self._pour(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.closed += 1
        finally:
            writer.transport.abort()

    def _welcomed(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._floods.add(asyncio.create_task(self._welcome(reader, writer)))

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(_answer(await reader.readuntil(b"\r\n\r\n")) + WELCOME)
            await self._pour(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.closed += 1
        finally:
            writer.transport.abort()

    async def _pour(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send until it is enough. Raises ConnectionError when the other side has had enough."""
        self.opened += 1
        heard = asyncio.create_task(_listen(reader))
        try:
            writer.write(self._flood.first)
            while self.sent < self._most and not heard.done():
                writer.write(self._flood.chunk)
                await writer.drain()
                self.sent += len(self._flood.chunk)
            if heard.done():
                raise ConnectionResetError
            await asyncio.sleep(LAST_WORDS_S)
        finally:
            heard.cancel()


async def _listen(reader: asyncio.StreamReader) -> None:
    with suppress(ConnectionError):
        while await reader.read(65536):
            pass


def _request(key: str) -> bytes:
    return (
        f"GET {WORKER_PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n"
    ).encode()


def _answer(request: bytes) -> bytes:
    lines = request.decode("latin-1").split("\r\n")
    key = next(line.split(":")[1].strip() for line in lines if line.lower().startswith("sec-websocket-key:"))
    accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n"
    ).encode()
