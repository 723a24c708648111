"""A relay of frames between workers and a coordinator, which keeps a copy of each."""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from wire import messages

SUBPROTOCOL = Subprotocol(messages.SUBPROTOCOL)

Socket = ClientConnection | ServerConnection


@dataclass
class Relay:
    """Stands between workers and a coordinator on loopback: passes each frame on, and keeps it."""

    coordinator_port: int
    to_coordinator: list[str] = field(default_factory=list)
    to_worker: list[str] = field(default_factory=list)
    serving: str = ""  # the name of the worker that was given the newest job
    _pairs: list[tuple[ServerConnection, ClientConnection]] = field(default_factory=list)
    _names: dict[Socket, str] = field(default_factory=dict)
    _server: Server | None = None

    async def start(self) -> int:
        """Returns the port where workers dial."""
        self._server = await serve(
            self._pass, "127.0.0.1", 0, subprotocols=[SUBPROTOCOL], compression=None, max_size=None, ping_interval=None
        )
        port: int = next(iter(self._server.sockets)).getsockname()[1]
        return port

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def cut(self) -> None:
        """Every line breaks without a word."""
        for pair in self._pairs:
            for socket in pair:
                socket.transport.abort()

    async def talk_nonsense(self) -> None:
        """Both ends of the newest line get a frame that nobody understands."""
        for socket in self._pairs[-1]:
            await socket.send('{"type":"nonsense"}')

    async def drain(self) -> None:
        """The worker of the newest line is asked to leave; no command of a coordinator does this yet."""
        await self._pairs[-1][0].send('{"type":"drain","deadline_s":1.0}')
        self.to_worker.append('{"type":"drain","deadline_s":1.0}')

    async def _pass(self, worker: ServerConnection) -> None:
        assert worker.request is not None
        with suppress(ConnectionClosed, OSError):  # OSError: no coordinator is there
            async with connect(
                f"ws://127.0.0.1:{self.coordinator_port}{worker.request.path}",
                additional_headers={"Authorization": worker.request.headers["Authorization"]},
                subprotocols=[SUBPROTOCOL],
                compression=None,
                max_size=None,
                ping_interval=None,
            ) as coordinator:
                pair = (worker, coordinator)
                self._pairs.append(pair)
                up = self._copy(worker, coordinator, self.to_coordinator)
                down = self._copy(coordinator, worker, self.to_worker)
                await asyncio.gather(up, down)
                self._pairs.remove(pair)

    async def _copy(self, source: Socket, target: Socket, kept: list[str]) -> None:
        with suppress(ConnectionClosed):
            while True:
                text = await source.recv()
                assert isinstance(text, str)
                kept.append(text)
                frame = json.loads(text)
                if frame["type"] == "hello":
                    self._names[source] = frame["name"]
                elif frame["type"] == "start":
                    self.serving = self._names[target]
                await target.send(text)
        code = source.close_code or 1006
        if code in (1005, 1006):  # not for the wire: the line broke
            target.transport.abort()
        else:
            await target.close(code, source.close_reason or "")
