"""A small worker that keeps the protocol, but for the one fault that is planted in it."""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tools.conformance.coordinator import KEY
from wire import messages as wire
from wire.chat import ChatRequest, Usage
from wire.codec import encode, to_worker
from wire.errors import ErrorCode, SupernetError
from wire.offers import ModelOffer, ModelState

SLOTS = 2
TOKEN_S = 0.002


@dataclass
class Job:
    start: wire.Start
    window: int
    frames: list[Any] = field(default_factory=list)
    acked: int = 0
    cancelled: bool = False
    over: bool = False

    @property
    def ids(self) -> dict[str, Any]:
        return {"job": self.start.job, "attempt": self.start.attempt}


class BadWorker:
    """`fault`: the name of the check that it must fail; empty: none."""

    def __init__(self, url: str, fault: str = "") -> None:
        self.url, self.fault = url, fault
        self.socket: ClientConnection | None = None
        self.session = ""
        self.window, self.beat_s = wire.WINDOW_TOKENS, wire.HEARTBEAT_S
        self.jobs: dict[tuple[str, int], Job] = {}
        self.draining = False
        self.idle = asyncio.Event()
        self.tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        try:
            while not self.draining:
                with suppress(ConnectionClosed):
                    await self._connection()
                self.socket = None
                await asyncio.sleep(0.01)
        finally:
            for task in self.tasks:
                task.cancel()

    async def _connection(self) -> None:
        headers = {"Authorization": f"Bearer {KEY}"}
        dial = connect(self.url + wire.WORKER_PATH, additional_headers=headers, subprotocols=[wire.SUBPROTOCOL])  # type: ignore[list-item]
        async with dial as socket:
            await socket.send(encode(wire.Capacity() if self.fault == "hello" else self._hello()))
            async for frame in socket:
                if await self._take(socket, str(frame)):
                    return

    def _hello(self) -> wire.Hello:
        jobs = tuple(wire.RunningJob(**job.ids, next_seq=len(job.frames)) for job in self.jobs.values() if job.frames)
        resume = wire.Resume(session=self.session, jobs=jobs) if self.session and self.fault != "resume" else None
        offer = ModelOffer(id="bad", context=4096, slots=SLOTS)
        return wire.Hello(worker="bad", instance="bad", models=(offer,), resume=resume)

    async def _take(self, socket: ClientConnection, frame: str) -> bool:
        """True: leave this connection."""
        if self.fault == "unknown-fields" and "from_the_future" in json.loads(frame):
            return False
        try:
            message = to_worker(frame)
        except SupernetError as error:
            if self.fault == "garbage" or (self.fault == "unknown-frame" and "from_the_future" in frame):
                return self.fault == "garbage"  # hangs up, or says nothing
            await socket.send(encode(wire.Error(code=error.code, message=error.message)))
            return False
        match message:
            case wire.Welcome():
                await self._welcome(socket, message)
            case wire.Start():
                await self._start(message)
            case wire.Cancel():
                await self._cancel(message)
            case wire.Ack():
                for item in message.items:
                    if job := self.jobs.get((item.job, item.attempt)):
                        job.acked = item.next_seq
            case wire.Move():
                return self.fault != "move"
            case wire.Drain():
                self._spawn(self._leave(socket))
            case _:
                pass
        return False

    async def _welcome(self, socket: ClientConnection, welcome: wire.Welcome) -> None:
        first = self.socket is None and not self.session
        self.socket, self.session = socket, welcome.session
        self.window, self.beat_s = welcome.window_tokens, welcome.heartbeat_s
        kept = {(job.job, job.attempt): job.next_seq for job in welcome.kept}
        for key, job in list(self.jobs.items()):
            if key in kept:
                for frame in job.frames[len(job.frames) if self.fault == "replay" else kept[key] :]:
                    await self._say(wire.Deltas(items=(frame,)) if isinstance(frame, wire.Delta) else frame)
            elif self.fault != "forgotten":
                job.over = True
                del self.jobs[key]
        await self._capacity()
        if first:
            self._spawn(self._beat())

    async def _beat(self) -> None:
        last = 0.0
        while True:
            await asyncio.sleep(0.02)
            now = asyncio.get_running_loop().time()
            if now - last >= self.beat_s and self.fault != "heartbeat":
                last = now
                await self._capacity()

    async def _start(self, start: wire.Start) -> None:
        ids = {"job": start.job, "attempt": start.attempt}
        code = None
        if (start.job, start.attempt) in self.jobs and self.fault != "started-twice":
            await self._say(wire.Error(code=ErrorCode.PROTOCOL_ERROR, message="started before"))
            return
        if start.model != "bad" and self.fault != "unknown-model":
            code = ErrorCode.MODEL_NOT_LOADED
        elif self.draining and self.fault != "drain":
            code = ErrorCode.WORKER_DRAINING
        elif self._running() >= SLOTS and self.fault != "busy":
            code = ErrorCode.WORKER_BUSY
        if code is not None:
            await self._say(wire.Refused(**ids, code=code, message="no"))
            return
        job = self.jobs[start.job, start.attempt] = Job(start, self.window)
        self.idle.clear()
        await self._say(wire.Accepted(**ids))
        await self._capacity()
        self._spawn(self._generate(job))

    async def _cancel(self, cancel: wire.Cancel) -> None:
        job = self.jobs.get((cancel.job, cancel.attempt))
        if job is not None:
            job.cancelled = self.fault != "cancel"
        elif self.fault == "cancel-of-nothing":
            usage = Usage(prompt=0, completion=0)
            await self._say(wire.Cancelled(job=cancel.job, attempt=cancel.attempt, seq=0, usage=usage))

    async def _generate(self, job: Job) -> None:
        place = 0 if self.fault == "continued" else len(job.start.delivered)
        request = job.start.request
        assert isinstance(request, ChatRequest)
        while place < request.max_tokens and not job.cancelled:
            await asyncio.sleep(TOKEN_S)
            if job.over:
                return
            if len(job.frames) - job.acked < job.window or self.fault == "window":
                seq = len(job.frames) + (self.fault == "job")
                job.frames.append(wire.Delta(**job.ids, seq=seq, tokens=(place,)))
                await self._say(wire.Deltas(items=(job.frames[-1],)))
                place += 1
        usage = Usage(prompt=1, completion=len(job.frames))
        head = {**job.ids, "seq": len(job.frames), "usage": usage}
        job.frames.append(wire.Cancelled(**head) if job.cancelled else wire.Done(**head, finish_reason="length"))
        await self._say(job.frames[-1])
        del self.jobs[job.start.job, job.start.attempt]
        if not self.jobs:
            self.idle.set()
        await self._capacity()

    async def _leave(self, socket: ClientConnection) -> None:
        self.draining = True
        await self._say(wire.Draining(deadline_s=60))
        await self.idle.wait()
        await socket.close()

    def _running(self) -> int:
        return len(self.jobs)

    async def _capacity(self) -> None:
        free = SLOTS + 1 if self.fault == "welcome" else max(0, SLOTS - self._running())
        state = ModelState(id="bad", status="ready", slots=SLOTS, free=free)
        await self._say(wire.Capacity(models=(state,)))

    async def _say(self, message: BaseModel) -> None:
        """Without a line it is not said: what counts is replayed."""
        with suppress(ConnectionClosed):
            if self.socket is not None:
                await self.socket.send(encode(message))

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
