"""A daemon with a scripted pipeline, and the coordinator that it dials: a websocket and an HTTP server whose ends the
test plays."""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from PIL import Image

from tests.worker.daemon.running_daemon import WHO, Coordinator, coordinator
from tests.worker.daemon.upload_server import UploadServer
from tests.worker.session.drawing import UPLOAD, P, picture
from wire.codec import encode
from wire.media import MAX_IMAGE_BYTES, GenerateImage, MediaOffer, Upload
from wire.messages import Start
from worker.daemon.daemon import Daemon, Owner
from worker.daemon.home import Home
from worker.daemon.media_driver import Media
from worker.daemon.scratch import Scratch
from worker.media_engine.scripted import Faults, ScriptedMediaEngine

MODES = ("generate_image", "edit_image")
MAKE = GenerateImage(prompt="a fox", width=64, height=48, steps=6)
NONE = Faults()
LEAVE = Upload(token=UPLOAD.token, limit_bytes=MAX_IMAGE_BYTES)


class Drawing:
    """A daemon at work; its scripted engine's faults are switches."""

    def __init__(self, url: str, folder: Path, pace_s: float, faults: Faults) -> None:
        self.engine = ScriptedMediaEngine(MODES, max_pixels=1024 * 1024, max_images=3, pace_s=pace_s)
        self.engine.faults = faults
        offer = MediaOffer(id=P, modes=MODES, max_pixels=1024 * 1024, max_frames=1, max_images=3)
        scratch = Scratch(folder / "media")
        media = (Media(offer, self.engine),)
        self.daemon = Daemon(WHO, (), media, Home(url, "sk"), scratch, Owner(drain_s=60))
        self.task = asyncio.create_task(self.daemon.run())


@asynccontextmanager
async def drawing(
    folder: Path,
    play: Callable[[Coordinator, UploadServer], Awaitable[None]],
    pace_s: float = 0.0,
    faults: Faults = NONE,
) -> AsyncIterator[tuple[Drawing, UploadServer]]:
    """A daemon whose first connection `play` has played to its end."""
    server = UploadServer()
    async with coordinator(lambda they: play(they, server)) as (url, played):
        server.behind = int(url.rpartition(":")[2])
        async with server.listening():
            running = Drawing(f"ws://127.0.0.1:{server.port}", folder, pace_s, faults)
            try:
                async with asyncio.timeout(60):
                    await played
                yield running, server
            finally:
                running.daemon._stop.set()
                await running.task


def painting(job: str = "p", **update: int) -> Start:
    """A Start of a picture that a coordinator would take the file of."""
    return picture(job, make=MAKE.model_copy(update=update), upload=LEAVE)


async def begin(they: Coordinator, start: Start) -> None:
    await they.socket.send(encode(start))


def opened(data: bytes) -> "Image.Image":
    image = Image.open(io.BytesIO(data))
    image.load()
    return image
