"""A daemon with a scripted engine, and the coordinator that it dials: a websocket server whose end the test plays."""

import asyncio
import json
import os
import signal
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from wire import messages
from wire.blobs import PIECE_BYTES, VISION, Blob
from wire.chat import ChatRequest, Image, Message
from wire.codec import encode
from wire.messages import Ack, AckItem, Start, Welcome
from wire.offers import Hardware, ModelOffer
from wire.pictures import LOW_TOKENS
from worker.daemon.daemon import Daemon, Owner
from worker.daemon.home import Home
from worker.daemon.scratch import Scratch
from worker.daemon.session_driver import Identity, Model
from worker.engine.scripted import ScriptedEngine
from worker.preparer.scripted import ScriptedPreparer
from worker.telemetry.status import Status

M = "scripted"
ANSWER = b"one two three"
NO_FILES = Scratch(Path("/nowhere"))  # of a daemon that makes no media
WHO = Identity("w", "i", "0", "box", Hardware())


class Coordinator:
    """The test's end of the socket."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket

    async def recv(self) -> dict[str, Any]:
        """The next frame; the end of a job is acknowledged."""
        frame: dict[str, Any] = json.loads(await self.socket.recv())
        if frame["type"] in ("done", "failed", "cancelled"):
            ack = AckItem(job=frame["job"], attempt=frame["attempt"], next_seq=frame["seq"] + 1)
            await self.socket.send(encode(Ack(items=(ack,))))
        return frame

    async def until(self, type: str) -> dict[str, Any]:
        """The next frame of a type; frames of other types are skipped."""
        while True:
            frame = await self.recv()
            if frame["type"] == type:
                return frame

    async def welcome(self) -> dict[str, Any]:
        hello = await self.until("hello")
        await self.socket.send(encode(Welcome(session="s")))
        await self.ready()
        return hello

    async def ready(self) -> None:
        while (await self.until("capacity"))["models"][0]["status"] != "ready":
            pass

    async def start(self, job: str, **request: Any) -> None:
        chat = ChatRequest(messages=(Message(role="user", content="hi"),), max_tokens=100, **request)
        await self.socket.send(encode(Start(job=job, attempt=1, model=M, request=chat, seed=1)))

    async def show(self, job: str, *files: bytes, attempt: int = 1) -> None:
        """Start a job about these pictures."""
        images = tuple(
            Image(at=0, sha256=sha256(data).hexdigest(), size_bytes=len(data), most=LOW_TOKENS) for data in files
        )
        chat = ChatRequest(messages=(Message(role="user", content="hi", images=images),), max_tokens=100)
        await self.socket.send(encode(Start(job=job, attempt=attempt, model=M, request=chat, seed=1)))

    async def send(self, data: bytes, offset: int = 0, pieces: int = 1000) -> None:
        """Send a file, or some pieces of it."""
        for at in list(range(offset, len(data), PIECE_BYTES))[:pieces]:
            part = b64encode(data[at : at + PIECE_BYTES]).decode()
            frame = Blob(sha256=sha256(data).hexdigest(), offset=at, size_bytes=len(data), data=part)
            await self.socket.send(encode(frame))

    async def text(self) -> str:
        """The whole answer of the only job that runs."""
        text = ""
        while True:
            frame = await self.recv()
            for item in frame.get("items", []):
                text += "".join(part["text"] for part in item["parts"])
            if frame["type"] == "done":
                return text


class Running:
    """A daemon at work; its scripted engine's faults are switches."""

    def __init__(
        self, url: str, pace_s: float = 0.0, owner: Owner | None = None, features: tuple[str, ...] = ()
    ) -> None:
        image_ms = 1.0 if VISION in features else None
        self.engine = ScriptedEngine(2, 1000, script=lambda prompt, seed: ANSWER, pace_s=pace_s, image_ms=image_ms)
        offer = ModelOffer(id=M, context=1000, slots=2, features=features)
        model = Model(offer, self.engine, ScriptedPreparer(1000))
        self.daemon = Daemon(WHO, (model,), (), Home(url, "sk"), NO_FILES, owner or Owner(drain_s=60))
        self.task = asyncio.create_task(self.daemon.run())

    def status(self) -> Status:
        base = Status(time=time.time(), pid=1, worker="w", name="box", version="0", uptime_s=0, phase="starting")
        return self.daemon.status(base)


@asynccontextmanager
async def coordinator(
    play: Callable[[Coordinator], Awaitable[None]],
) -> AsyncIterator[tuple[str, asyncio.Future[None]]]:
    """A server that plays one connection with `play`; later ones are left waiting."""
    played: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def handler(socket: ServerConnection) -> None:
        try:
            await play(Coordinator(socket))
        except BaseException as error:
            if not played.done():
                played.set_exception(error)
            raise
        if not played.done():
            played.set_result(None)
        await socket.wait_closed()

    async with serve(handler, "127.0.0.1", 0, subprotocols=[messages.SUBPROTOCOL]) as server:  # type: ignore[list-item]
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", played


async def finish(running: Running) -> int:
    os.kill(os.getpid(), signal.SIGTERM)
    return (await running.task).code
