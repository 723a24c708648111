"""A client of the SDKs' socket, driven by hand: frames as the SDKs write them."""

import asyncio
import json
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.coordinator.conftest import Coordinator

HELLO = [{"role": "user", "content": "hi"}]


def frame(type: str, data: Any) -> str:
    return json.dumps({"type": type, "data": b64encode(json.dumps(data).encode()).decode()})


class Artist:
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def say(self, type: str, data: Any) -> None:
        await self.socket.send(frame(type, data))

    async def ask(self, job: str, **fields: Any) -> None:
        await self.say("llmJobRequest", {"jobID": job, "type": "llm", "model": "tiny", "messages": HELLO, **fields})

    async def hear(self, *types: str, within_s: float = 10) -> dict[str, Any]:
        """The next frame of one of these types, with its type; others before it are skipped."""
        async with asyncio.timeout(within_s):
            while True:
                heard = self.read(await self.socket.recv())
                if heard["frame"] in types:
                    return heard

    async def closing(self) -> tuple[list[dict[str, Any]], int | None]:
        """Everything that still comes, and the close code."""
        heard: list[dict[str, Any]] = []
        try:
            async with asyncio.timeout(15):
                while True:
                    heard.append(self.read(await self.socket.recv()))
        except ConnectionClosed:
            pass
        return heard, self.socket.close_code

    @staticmethod
    def read(text: str | bytes) -> dict[str, Any]:
        envelope = json.loads(text)
        assert set(envelope) == {"type", "data"}
        return {"frame": envelope["type"], **json.loads(b64decode(envelope["data"], validate=True))}


@asynccontextmanager
async def artist(
    coordinator: Coordinator, app: str = "app-1", key: str | None = None, **query: str
) -> AsyncIterator[Artist]:
    """A socket as an SDK opens it. `key` "": none is sent."""
    wanted = {"appId": app, "clientName": "Sogni/3.0.0", "clientType": "artist", "forceWorkerId": "fast", **query}
    used = coordinator.key if key is None else key
    async with connect(
        f"{coordinator.url.replace('http', 'ws')}/?{urlencode(wanted)}",
        additional_headers={"api-key": used} if used else {},
        compression=None,
        max_size=None,
    ) as socket:
        yield Artist(socket)
