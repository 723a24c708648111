"""A pipeline without a model: a small valid file after some scripted steps, failures as switches. It keeps every
promise of port.py, and needs no torch.

Tests of others use it where a model adds nothing. What it makes is one colour, or one tone, decided by request and
seed, in the size, the length and the format that was asked for.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wire.errors import ErrorCode
from wire.media import EditImage, GenerateImage, GenerateMusic, Making, Stage
from worker.engine.mailbox import Mailbox
from worker.media_engine.modes import ALL_MODES
from worker.media_engine.port import Cancel, Command, Down, Ended, Event, Made, Progress, Pulse, Ready, Render
from worker.media_files.encode import MEDIA_TYPES, Sound, preview, write_film, write_picture, write_sound

WAITING = 16  # jobs behind the one that runs
RATE = 16_000  # samples a second of its music
PULSE_S = 1.0
HANG_S = 20.0  # silence after which the supervisor of the real engine would end it


@dataclass(frozen=True)
class Faults:
    """Planned failures; assign to `ScriptedMediaEngine.faults` at any time. Steps count from the assignment on.

    A crash or a hang happens once. `retry_in_s` None: the engine stays down after it.
    """

    crash_after: int | None = None  # steps; 0: with the next one
    hang_after: int | None = None
    retry_in_s: float | None = 0.5
    problem: str = ""  # the row of issues.py that the crash is told with
    ignore_cancel: bool = False
    fail: ErrorCode | None = None  # the end of every Render, after its steps
    refuse: ErrorCode | None = None  # answer to every Render


class ScriptedMediaEngine:
    """The MediaEngine of port.py. A step takes `pace_s` seconds; `steps`: how many, if not those of the request."""

    def __init__(
        self,
        modes: tuple[str, ...] = ALL_MODES,
        *,
        max_pixels: int = 2048 * 2048,
        max_frames: int = 512,
        max_seconds: int = 600,
        max_images: int = 6,
        memory_bytes: int = 0,
        steps: int | None = None,
        pace_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._ready = Ready(modes, memory_bytes, max_pixels, max_frames, max_seconds, max_images)
        self._steps, self._pace_s = steps, pace_s
        self._clock, self._sleep = clock, sleep
        self._mail: Mailbox[Event] = Mailbox()
        self._waiting: dict[str, Render] = {}  # the one that runs is the first
        self._cancelled: set[str] = set()
        self._came = asyncio.Event()
        self._faults = Faults()
        self._since_faults = 0
        self._up = False
        self._task: asyncio.Task[None] | None = None

    @property
    def faults(self) -> Faults:
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._faults, self._since_faults = faults, 0
        self._came.set()

    # ---- the port ----------------------------------------------------------------------------------------------------

    def send(self, command: Command) -> None:
        if isinstance(command, Cancel):
            if command.job in self._waiting and not self._faults.ignore_cancel:
                self._cancelled.add(command.job)
        elif not self._up:
            self._fail(command.job, ErrorCode.MODEL_NOT_LOADED, "the pipeline is not running: try another worker")
        elif self._faults.refuse is not None:
            self._fail(command.job, self._faults.refuse, "refused by the script")
        elif len(self._waiting) > WAITING:
            self._fail(command.job, ErrorCode.WORKER_BUSY, "too many jobs wait for the pipeline")
        else:
            self._waiting[command.job] = command
        self._came.set()

    async def events(self) -> AsyncIterator[Event]:
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="scripted media engine")
            self._task.add_done_callback(lambda _: self._mail.close())
        async for event in self._mail.read():
            yield event
        if self._task.done() and not self._task.cancelled():
            self._task.result()

    async def close(self) -> None:
        for job in self._waiting:
            self._fail(job, ErrorCode.WORKER_DRAINING, "the engine was closed")
        self._waiting.clear()
        self._mail.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    # ---- the task ----------------------------------------------------------------------------------------------------

    def _fail(self, job: str, code: ErrorCode, message: str) -> None:
        self._mail.put(Ended(job, "failed", code, message))

    async def _run(self) -> None:
        while True:
            self._up = True
            self._mail.put(self._ready)
            message = await self._live()
            self._up = False
            jobs = tuple(self._waiting)
            self._waiting.clear()
            self._cancelled.clear()
            (retry, problem), self._faults = (self._faults.retry_in_s, self._faults.problem), Faults()
            self._mail.put(Down(message, jobs, jobs[0] if jobs else None, retry, problem))
            if retry is None:
                await self._mail.closing()
                return
            await self._sleep(retry)

    async def _live(self) -> str:
        """Make one thing after the other until a fault ends it; returns the words for Down."""
        while True:
            while not self._waiting:
                if words := await self._fault():
                    return words
                await self._idle()
            render = next(iter(self._waiting.values()))
            began = self._clock()
            end = await self._make(render)
            if isinstance(end, str):
                return end
            self._waiting.pop(render.job, None)
            self._cancelled.discard(render.job)
            self._mail.put(Ended(render.job, end.reason, end.code, end.message, self._clock() - began))

    async def _make(self, render: Render) -> Ended | str:
        """One job to its end; words if the engine died of it."""
        steps = self._steps or render.make.steps
        pictured = isinstance(render.make, GenerateImage | EditImage) and render.make.previews
        self._say(render, "encoding", 0, steps)
        for step in range(1, steps + 1):
            await self._sleep(self._pace_s)
            await self._mail.room()
            if words := await self._fault():
                return words
            if render.job in self._cancelled:
                return Ended(render.job, "cancelled")
            self._since_faults += 1
            unfinished = pictured and step in _shown(steps, pictured)
            self._say(render, "denoising", step, steps, preview(_pixels(render)) if unfinished else b"")
        if self._faults.fail is not None:
            return Ended(render.job, "failed", self._faults.fail, "failed by the script")
        self._say(render, "saving", steps, steps)
        self._mail.put(await asyncio.to_thread(_save, render))
        return Ended(render.job, "done")

    def _say(self, render: Render, stage: Stage, step: int, steps: int, shown: bytes = b"") -> None:
        self._mail.put(Progress(render.job, stage, step, steps, shown))

    async def _fault(self) -> str:
        faults = self._faults
        if faults.crash_after is not None and self._since_faults >= faults.crash_after:
            return "crashed by the script"
        if faults.hang_after is not None and self._since_faults >= faults.hang_after:
            await self._sleep(HANG_S)
            return "hung by the script"
        return ""

    async def _idle(self) -> None:
        """Wait for a command or the next pulse."""
        self._mail.put(Pulse())
        self._came.clear()
        nap = asyncio.ensure_future(self._sleep(PULSE_S))
        came = asyncio.ensure_future(self._came.wait())
        try:
            await asyncio.wait({nap, came}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            nap.cancel()
            came.cancel()


def _shown(steps: int, previews: int) -> set[int]:
    return {round(steps * (one + 1) / (previews + 1)) for one in range(previews)}


def _fate(render: Render) -> bytes:
    return hashlib.sha256(f"{render.make.model_dump_json()} {render.seed}".encode()).digest()


def _pixels(render: Render, at: int = 0) -> "np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]":
    make = render.make
    assert not isinstance(make, GenerateMusic)
    colour = np.frombuffer(_fate(render)[:3], np.uint8) + np.uint8(at % 8)
    return np.broadcast_to(colour, (make.height, make.width, 3)).copy()


def _save(render: Render) -> Made:
    make, folder = render.make, Path(render.into)
    path = folder / f"made.{_suffix(make)}"
    if isinstance(make, GenerateMusic):
        time_s = np.arange(make.seconds * RATE, dtype=np.float32) / RATE
        tone = np.sin(time_s * np.float32(2 * np.pi * (220 + _fate(render)[0]))) * np.float32(0.3)
        write_sound(path, Sound(np.stack([tone, tone]), RATE), make.format)
    elif isinstance(make, GenerateImage | EditImage):
        write_picture(path, _pixels(render), make.format)
    else:
        write_film(path, (_pixels(render, at) for at in range(make.frames)), make.fps)
    data = path.read_bytes()
    media_type = MEDIA_TYPES[make.format] if hasattr(make, "format") else "video/mp4"
    return Made(render.job, str(path), media_type, hashlib.sha256(data).hexdigest(), len(data))


def _suffix(make: Making) -> str:
    return make.format if isinstance(make, GenerateImage | EditImage | GenerateMusic) else "mp4"
