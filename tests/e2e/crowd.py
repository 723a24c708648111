"""Workers that are played: real sockets, real frames, and a script instead of a GPU. For pictures and for crowds."""

import asyncio
import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from wire import messages as wire
from wire.blobs import VISION
from wire.chat import Content, Usage
from wire.codec import encode, to_worker
from wire.offers import Gpu, Hardware, ModelOffer, ModelState, SpeedPoint

WORDS = "the network hums along while every slot lights up and goes dark again in its own time ".split(" ")


@dataclass
class Played:
    """One worker. `status` is that of its model; `pace_s` is the time between two tokens of a job."""

    name: str
    model: str
    slots: int = 4
    gpu: str = "NVIDIA GeForce RTX 4090"
    status: str = "ready"
    taken: int = 0  # slots that something else uses
    pace_s: float = 0.05
    reads_s: float = 0.5  # of a prompt
    tokens: int = 200  # of an answer
    text: str = ""  # of an answer, instead of words that go on
    issues: tuple[wire.Issue, ...] = ()
    speed: tuple[SpeedPoint, ...] = ()
    image_ms: float | None = None  # the model sees pictures, and takes so long for one
    draining: bool = False
    running: int = field(default=0, init=False)
    sent: dict[tuple[str, int], int] = field(default_factory=dict, init=False)  # frames of each attempt

    async def run(self, url: str, key: str) -> None:
        """Until cancelled."""
        async with (
            connect(
                url.replace("http", "ws") + wire.WORKER_PATH,
                additional_headers={"Authorization": f"Bearer {key}"},
                subprotocols=[wire.SUBPROTOCOL],  # type: ignore[list-item]
                compression=None,
            ) as socket,
            asyncio.TaskGroup() as tasks,
        ):
            await self._greet(socket)
            jobs: dict[tuple[str, int], asyncio.Task[None]] = {}
            tasks.create_task(self._beat(socket))
            async for frame in socket:
                match to_worker(frame):
                    case wire.Start() as start:
                        self.running += 1
                        jobs[start.job, start.attempt] = tasks.create_task(self._serve(socket, start))
                    case wire.Cancel() as cancel:
                        job = jobs.pop((cancel.job, cancel.attempt), None)
                        if job is not None and job.cancel():  # else the end and the cancel have crossed
                            await self._cancelled(socket, cancel)

    async def _greet(self, socket: ClientConnection) -> None:
        gpus = (Gpu(name=self.gpu, memory_bytes=24 << 30, driver="580.65"),) if self.gpu else ()
        hardware = Hardware(cpu="AMD Ryzen 9 7950X", cpu_cores=16, memory_bytes=64 << 30, gpus=gpus)
        safe = "".join(c if c.isalnum() else "-" for c in self.name)[:60]
        hello = wire.Hello(
            worker=safe, instance="a", version="0.1.0", name=self.name, hardware=hardware, **self._offered()
        )
        await self._say(socket, hello)
        await self._capacity(socket)
        for issue in self.issues:
            await self._say(socket, issue)
        if self.draining:
            await self._say(socket, wire.Draining(deadline_s=300))

    def _offered(self) -> dict[str, Any]:
        """What of Hello says what it serves."""
        sight: Any = {} if self.image_ms is None else {"features": (VISION,), "image_ms": self.image_ms}
        return {"models": (ModelOffer(id=self.model, context=32768, slots=self.slots, speed=self.speed, **sight),)}

    async def _beat(self, socket: ClientConnection) -> None:
        while True:
            await asyncio.sleep(wire.HEARTBEAT_S)
            await self._capacity(socket)

    async def _capacity(self, socket: ClientConnection) -> None:
        free = max(0, self.slots - self.taken - self.running) if self.status == "ready" else 0
        state: Any = {"id": self.model, "status": self.status, "slots": self.slots, "free": free}
        await self._say(socket, wire.Capacity(models=(ModelState(**state),)))

    async def _serve(self, socket: ClientConnection, start: wire.Start) -> None:
        head: Any = {"job": start.job, "attempt": start.attempt}
        await self._say(socket, wire.Accepted(**head))
        await asyncio.sleep(self.reads_s * random.uniform(0.6, 1.8))
        for seq in range(self.tokens):
            await asyncio.sleep(self.pace_s)
            part = Content(
                text=self.text if self.text and seq == 0 else "" if self.text else WORDS[seq % len(WORDS)] + " "
            )
            self.sent[start.job, start.attempt] = seq + 1
            await self._say(socket, wire.Deltas(items=(wire.Delta(**head, seq=seq, tokens=(seq + 1,), parts=(part,)),)))
        usage = Usage(prompt=50, cached=0, completion=self.tokens, reasoning=0)
        self.running -= 1
        await self._say(socket, wire.Done(**head, seq=self.tokens, finish_reason="stop", usage=usage))

    async def _cancelled(self, socket: ClientConnection, cancel: wire.Cancel) -> None:
        self.running -= 1
        usage = Usage(prompt=50, cached=0, completion=0, reasoning=0)
        seq = self.sent.get((cancel.job, cancel.attempt), 0)
        await self._say(socket, wire.Cancelled(job=cancel.job, attempt=cancel.attempt, seq=seq, usage=usage))

    async def _say(self, socket: ClientConnection, message: Any) -> None:
        await socket.send(encode(message))


@contextmanager
def crowd(url: str, workers: Sequence[tuple[str, Played]]) -> Iterator[None]:
    """All of them (key, worker), in a thread of their own, for as long as the block runs."""
    loop = asyncio.new_event_loop()

    async def play() -> None:
        async with asyncio.TaskGroup() as tasks:
            for key, worker in workers:
                tasks.create_task(worker.run(url, key))

    everybody = loop.create_task(play())
    thread = threading.Thread(target=_until_done, args=(loop, everybody), name="crowd")
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(everybody.cancel)
        thread.join(30)
        loop.close()


def _until_done(loop: asyncio.AbstractEventLoop, everybody: asyncio.Task[None]) -> None:
    with suppress(asyncio.CancelledError):
        loop.run_until_complete(everybody)
