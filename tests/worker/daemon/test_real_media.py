"""A whole worker whose child draws with diffusers, on a line that breaks while it draws, while it uploads and after:
it dials again, says what goes on, and the file and the end of the job arrive all the same."""

import asyncio
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from tests.worker.daemon import fake_coordinator
from tests.worker.daemon.fake_coordinator import PATIENCE_S, serving
from tests.worker.daemon.upload_server import UploadServer
from wire.codec import encode
from wire.media import MAX_IMAGE_BYTES, GenerateImage, MediaRequest, Upload
from wire.messages import KeptJob, Start, Welcome
from worker.config import Config
from worker.daemon import uploads

TOY = "toy-emoji-64"  # it comes with the program
JOB = "p"
Frame = dict[str, Any]
START = Start(
    job=JOB,
    attempt=1,
    model=TOY,
    request=MediaRequest(make=GenerateImage(prompt="a red apple", width=64, height=64, steps=4)),
    seed=7,
    upload=Upload(token="t" * 43, limit_bytes=MAX_IMAGE_BYTES),
)


@dataclass
class Coordinator(fake_coordinator.Coordinator):
    """Keeps every attempt that a worker says goes on, and starts one as soon as the pipeline is ready."""

    line: ServerConnection | None = None
    started: bool = False

    async def _talk(self, socket: ServerConnection) -> None:
        self.line = socket
        try:
            async for frame in socket:
                value: Frame = json.loads(frame)
                if value["type"] == "hello":
                    going_on = (value.get("resume") or {}).get("jobs", ())
                    self.started = bool(going_on)  # else the Start was lost too
                    kept = tuple(KeptJob(job=job["job"], attempt=job["attempt"], next_seq=0) for job in going_on)
                    await socket.send(encode(Welcome(session="s", resume_window_s=2 * PATIENCE_S, kept=kept)))
                elif value["type"] == "capacity" and not self.started and any(one["free"] for one in value["models"]):
                    self.started = True
                    await socket.send(encode(START))
                self.frames.append(value)
                self.news.set()
        except ConnectionClosed:
            pass

    async def cut(self) -> Frame:
        """Break the line, and return the Hello of the next one."""
        assert self.line is not None
        before = sum(frame["type"] == "hello" for frame in self.frames)
        self.line.transport.abort()
        await self.until(lambda _: sum(frame["type"] == "hello" for frame in self.frames) > before)
        return next(frame for frame in reversed(self.frames) if frame["type"] == "hello")


def about(kind: str) -> Callable[[Frame], bool]:
    return lambda frame: frame["type"] == kind and frame.get("job") == JOB


@pytest.mark.process
async def test_a_picture_is_drawn_and_brought_home_over_a_line_that_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for bound in ("STEP_S", "LEAST_S"):
        monkeypatch.setattr(uploads, bound, PATIENCE_S)  # of an upload that waits until the line is back
    coordinator, held = Coordinator(), asyncio.Event()
    async with coordinator.listening(), UploadServer(coordinator.port, held=held).listening() as home:
        config = Config(
            coordinator=f"ws://127.0.0.1:{home.port}",
            key="sk",
            media=TOY,
            threads=1,
            state_dir=tmp_path / "state",
            models_dir=tmp_path / "models",
        )
        async with serving(config) as service:
            await coordinator.until(about("progress"))
            drawing = await coordinator.cut()
            async with asyncio.timeout(PATIENCE_S):
                await home.came.wait()
            uploading = await coordinator.cut()
            held.set()
            await coordinator.until(about("done"))
            told = await coordinator.cut()  # the end was not acknowledged, so it is said again
            await coordinator.until(lambda _: sum(map(about("done"), coordinator.frames)) > 1)
            assert not service.done()
    for hello in (drawing, uploading, told):
        assert [(job["job"], job["attempt"]) for job in hello["resume"]["jobs"]] == [(JOB, 1)]
    ends = list(filter(about("done"), coordinator.frames))
    assert {(done["attempt"], done["finish_reason"]) for done in ends} == {(1, "stop")}
    (put,) = home.puts
    picture = Image.open(io.BytesIO(put.body))
    picture.load()
    assert (put.path, picture.format, picture.size) == (f"/v1/worker/artefacts/{JOB}/1", "PNG", (64, 64))
    assert not any(frame["type"] in ("failed", "refused", "cancelled") for frame in coordinator.frames)
