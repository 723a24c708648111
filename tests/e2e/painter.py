"""A worker of pictures that is played: real frames and a real upload, and as far as the test lets it go."""

import asyncio
import threading
from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection

from tests.coordinator.media.making import offer
from tests.coordinator.media_worker import file_of, make_of
from tests.e2e.crowd import Played
from wire import messages as wire
from wire.chat import Usage
from wire.media import UPLOAD_PATH, Progress

STEPS = 8
AGAIN_S = 0.25


@dataclass
class Painter(Played):
    """Stands at half of each job, and says so again and again, until `goes_on` is set. `url`: its coordinator's."""

    url: str = ""
    goes_on: threading.Event = field(default_factory=threading.Event)

    def _offered(self) -> dict[str, Any]:
        return {"models": (), "media": (offer(self.model, slots=self.slots),), "features": ("media",)}

    async def _serve(self, socket: ClientConnection, start: wire.Start) -> None:
        head: Any = {"job": start.job, "attempt": start.attempt}
        await self._say(socket, wire.Accepted(**head))
        while not self.goes_on.is_set():
            await self._say(socket, Progress(**head, stage="denoising", step=STEPS // 2, steps=STEPS))
            await asyncio.sleep(AGAIN_S)
        await self._upload(start)
        self.running -= 1
        await self._say(socket, wire.Done(**head, seq=0, finish_reason="stop", usage=Usage(prompt=0, completion=0)))

    async def _upload(self, start: wire.Start) -> None:
        assert start.upload is not None
        file, media_type = file_of(make_of(start), start.seed)
        digest = b64encode(sha256(file).digest()).decode()
        headers = {
            "authorization": f"Bearer {start.upload.token}",
            "content-type": media_type,
            "digest": f"sha-256={digest}",
        }
        path = f"{UPLOAD_PATH}/{start.job}/{start.attempt}"
        async with httpx.AsyncClient(base_url=self.url, timeout=30) as http:
            (await http.put(path, content=file, headers=headers)).raise_for_status()
