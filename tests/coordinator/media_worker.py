"""A media worker that does exactly what the test says: frames over a real websocket, files over real HTTP.

What it makes are small, real files of one colour, in the size and the format that were asked for.
"""

import asyncio
import wave
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from io import BytesIO

import av
import httpx
import numpy as np
from websockets.asyncio.client import ClientConnection, connect

from tests.coordinator.conftest import Coordinator, FakeWorker
from tests.coordinator.media_catalog import png
from tools.hostile.pictures.files import plain, saved
from wire import messages as wire
from wire.chat import Usage
from wire.media import UPLOAD_PATH, EditImage, GenerateImage, GenerateMusic, Making, MediaOffer, MediaRequest, Progress
from wire.offers import ModelState

MODES = {
    "draws": ("generate_image",),
    "edits": ("generate_image", "edit_image"),
    "films": ("generate_video", "generate_video.first"),
    "restyles": ("video_to_video.restyle",),
    "follows": ("sound_to_video",),
}
CATALOG = """
default: tiny
models:
  - {id: tiny, name: Tiny, format: qwen-json, repository: x/tiny, files: [{name: tiny.gguf}], context: 4096,
     max_output: 512, thinking: true, price: {prompt: 300, completion: 900}, licence: MIT}
media:
  - {id: draws, name: Draws, tools: [generate_image], pipeline: StableDiffusionPipeline, repository: x/draws,
     defaults: {width: 64, height: 64, steps: 8}, limits: {pixels: 16384, steps: 20}, price: 3000000, licence: MIT}
  - {id: edits, name: Edits, tools: [generate_image, edit_image], pipeline: QwenImageEditPlusPipeline,
     repository: x/edits, defaults: {width: 64, height: 64, steps: 4}, limits: {pixels: 65536, images: 3},
     price: 5000000, licence: MIT}
  - {id: films, name: Films, tools: [generate_video], pipeline: WanPipeline, repository: x/films,
     defaults: {width: 64, height: 48, steps: 4, fps: 8, seconds: 2}, limits: {pixels: 12288, frames: 33,
     frames_step: 4}, price: 20000000, licence: MIT}
"""


# The tools that take films and sounds too, for a model that has room to be told of all tools.
WIDE_CATALOG = (
    CATALOG.replace("context: 4096", "context: 32768")
    + """
  - {id: restyles, name: Restyles, tools: [video_to_video], pipeline: WanVideoToVideoPipeline, repository: x/restyles,
     defaults: {width: 64, height: 48, steps: 4, fps: 8, seconds: 1}, limits: {pixels: 12288, frames: 33,
     frames_step: 4}, price: 20000000, licence: MIT}
  - {id: follows, name: Follows, tools: [sound_to_video], pipeline: LTX2DFRPipeline, repository: x/follows,
     defaults: {width: 64, height: 64, steps: 4, fps: 8, seconds: 1}, limits: {pixels: 12288, frames: 33,
     frames_step: 8}, price: 20000000, licence: MIT}
"""
)


def offer(pipeline: str, slots: int = 1, speed: float = 10.0) -> MediaOffer:
    """All that its entry of CATALOG allows."""
    return MediaOffer(
        id=pipeline,
        modes=MODES[pipeline],
        slots=slots,
        max_pixels=256 * 256,
        max_frames=33,
        max_images=3,
        speed=speed,
    )


def file_of(make: Making, seed: int = 0) -> tuple[bytes, str]:
    """A file that is what was asked for, and its media type."""
    if isinstance(make, GenerateMusic):
        return sound(make.seconds, make.format), "audio/mpeg" if make.format == "mp3" else f"audio/{make.format}"
    color = seed % 2**24
    if not isinstance(make, GenerateImage | EditImage):
        return film(make.width, make.height, make.frames, make.fps), "video/mp4"
    if make.format == "png":
        return png(make.width, make.height, color), "image/png"
    drawn = plain(tuple(color.to_bytes(3, "big")), width=make.width, height=make.height)
    return saved(drawn, make.format.upper()), f"image/{make.format}"


def film(width: int, height: int, frames: int, fps: int) -> bytes:
    """An MP4 that becomes brighter."""
    out = BytesIO()
    with av.open(out, "w", format="mp4") as made:
        stream = made.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(frames):
            grey = np.full((height, width, 3), number * 5 % 256, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            frame.pts = number
            made.mux(stream.encode(frame))
        made.mux(stream.encode())
    return out.getvalue()


def sound(seconds: int, format: str) -> bytes:
    """Silence as WAV, FLAC or MP3."""
    out = BytesIO()
    with wave.open(out, "wb") as made:
        made.setparams((1, 2, 16_000, 0, "NONE", ""))
        made.writeframes(bytes(seconds * 32_000))
    if format == "wav":
        return out.getvalue()
    coded = BytesIO()
    with av.open(BytesIO(out.getvalue()), "r") as heard, av.open(coded, "w", format=format) as written:
        stream = written.add_stream({"mp3": "libmp3lame", "flac": "flac"}[format], rate=16_000)
        assert isinstance(stream, av.AudioStream)
        for frame in heard.decode(audio=0):
            frame.pts = None
            written.mux(stream.encode(frame))
        written.mux(stream.encode())
    return coded.getvalue()


class MediaWorker(FakeWorker):
    """A worker of pipelines. Without a word from the test it makes nothing; `serve_all` makes whatever comes."""

    def __init__(self, socket: ClientConnection, http: httpx.AsyncClient) -> None:
        super().__init__(socket)
        self.http = http
        self.asked: list[wire.Start] = []  # of `serve_all`

    async def join_media(self, *offers: MediaOffer, name: str = "m1", instance: str = "a") -> wire.Welcome:
        await self.say(wire.Hello(worker=name, instance=instance, models=(), media=offers, features=("media",)))
        welcome = await self.hear(wire.Welcome)
        states = (ModelState(id=one.id, status="ready", slots=one.slots, free=one.slots) for one in offers)
        await self.say(wire.Capacity(models=tuple(states)))
        assert isinstance(welcome, wire.Welcome)
        return welcome

    async def progress(self, start: wire.Start, step: int, preview: bytes = b"") -> None:
        """Say that a step of the drawing is done."""
        make = make_of(start)
        shown = b64encode(preview).decode()
        said = Progress(
            job=start.job, attempt=start.attempt, stage="denoising", step=step, steps=make.steps, preview=shown
        )
        await self.say(said)

    async def upload(self, start: wire.Start, file: bytes, media_type: str) -> httpx.Response:
        assert start.upload is not None
        digest = b64encode(sha256(file).digest()).decode()
        headers = {
            "authorization": f"Bearer {start.upload.token}",
            "content-type": media_type,
            "digest": f"sha-256={digest}",
        }
        return await self.http.put(f"{UPLOAD_PATH}/{start.job}/{start.attempt}", content=file, headers=headers)

    async def finish(self, start: wire.Start) -> None:
        usage = Usage(prompt=0, cached=0, completion=0, reasoning=0)
        await self.say(wire.Done(job=start.job, attempt=start.attempt, seq=0, finish_reason="stop", usage=usage))

    async def make(self, start: wire.Start, previews: int = 0) -> httpx.Response:
        """All of it: the file is stored, and the attempt done."""
        for place in range(previews):
            await self.progress(start, place + 1, png(color=place))
        answered = await self.upload(start, *file_of(make_of(start), start.seed))
        await self.finish(start)
        return answered

    async def make_one(self, previews: int = 0) -> wire.Start:
        """One whole job, from its Start on."""
        start = await self.accept()
        assert (await self.make(start, previews)).status_code == 201
        return start

    async def serve_all(self) -> None:
        """Make whatever comes, until cancelled."""
        while True:
            start = await self.hear(wire.Start, None)
            self.asked.append(start)
            await self.say(wire.Accepted(job=start.job, attempt=start.attempt))
            await self.make(start, getattr(make_of(start), "previews", 0))


def make_of(start: wire.Start) -> Making:
    """What a job is to make."""
    assert isinstance(start.request, MediaRequest)
    return start.request.make


@asynccontextmanager
async def media_worker(
    coordinator: Coordinator, *pipelines: str, name: str = "m1", serves: bool = False, speed: float = 10.0
) -> AsyncIterator[MediaWorker]:
    """A worker that has joined with these pipelines, those of CATALOG unless some are named. `serves`: it makes
    whatever comes."""
    headers = {"Authorization": f"Bearer {coordinator.key}"}
    async with (
        httpx.AsyncClient(base_url=coordinator.url, timeout=20) as http,
        connect(
            coordinator.url.replace("http", "ws") + wire.WORKER_PATH,
            additional_headers=headers,
            subprotocols=[wire.SUBPROTOCOL],  # type: ignore[list-item]
            compression=None,
        ) as socket,
    ):
        worker = MediaWorker(socket, http)
        offers = (offer(pipeline, speed=speed) for pipeline in pipelines or ("draws", "edits", "films"))
        await worker.join_media(*offers, name=name)
        serving = asyncio.create_task(worker.serve_all()) if serves else None
        try:
            yield worker
        finally:
            if serving is not None:
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)
