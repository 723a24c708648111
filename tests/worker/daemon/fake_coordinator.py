"""A whole Service in this process, and the coordinator that it dials: a real websocket server whose end the test plays.

The same port answers the two requests of --check, so that all three places where a problem is shown can be looked at.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from wire.chat import ChatRequest, Message
from wire.codec import encode
from wire.handed_catalog import HandedCatalog
from wire.messages import SUBPROTOCOL, Start, Welcome
from worker.cli import main
from worker.config import Config
from worker.daemon.home import Home
from worker.daemon.loadout import Scripts
from worker.daemon.service import Service

PATIENCE_S = 300  # a bound on waiting for real processes, far above what they need
CATALOG = """
default: tiny
models:
  - id: tiny
    name: Tiny
    format: qwen-json
    repository: someone/tiny-GGUF
    files: [{name: tiny.gguf}]
    context: 512
    max_output: 64
    price: {prompt: 1, completion: 2}
    licence: Apache-2.0
"""


def of_its_own(file: Path, eyes: Path | None = None) -> str:
    """The same catalog for a file of its owner's, which is known by its hash, if it is there; and for its projector."""
    sha256 = hashlib.sha256(file.read_bytes() if file.exists() else b"").hexdigest()
    named = CATALOG.replace("{name: tiny.gguf}", f"{{name: tiny.gguf, sha256: {sha256}}}")
    if eyes is not None:
        seen = f"{{name: eyes.gguf, sha256: {hashlib.sha256(eyes.read_bytes()).hexdigest()}}}"
        named = named.replace("    context: 512\n", f"    projector: {seen}\n    context: 512\n")
    return named.replace("    repository: someone/tiny-GGUF\n", "")


def with_file(config: Config, file: Path, **settings: Any) -> Config:
    """`config`, for a file of its owner's that has an entry of its own."""
    assert config.catalog is not None
    catalog = config.catalog.with_name("own.yaml")
    catalog.write_text(of_its_own(file))
    return replace(config, model="tiny", model_file=file, catalog=catalog, **settings)


@dataclass
class Coordinator:
    """Welcomes every worker and keeps what it says; `refuse`: no key is good; `instead`: all that it answers."""

    refuse: bool = False
    instead: bytes = b""
    port: int = 0
    frames: list[dict[str, Any]] = field(default_factory=list)
    sockets: list[ServerConnection] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    ask: str = ""  # a job that the first worker which is ready gets
    words: str = "hi"  # its prompt
    catalog: str = ""  # that it hands out

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first frame that is wanted, also of those that came before."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for frame in self.frames:
                    if wanted(frame):
                        return frame
                self.news.clear()
                await self.news.wait()

    async def issue(self, code: str, active: bool = True) -> dict[str, Any]:
        return await self.until(lambda f: f["type"] == "issue" and f["code"] == code and f["active"] == active)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Coordinator"]:
        async with serve(
            self._talk, "127.0.0.1", self.port, subprotocols=[Subprotocol(SUBPROTOCOL)], process_request=self._http
        ) as up:
            self.port = up.sockets[0].getsockname()[1]
            yield self

    async def drop(self) -> None:
        """The worker dials again."""
        for socket in self.sockets:
            await socket.close(1012)

    async def _talk(self, socket: ServerConnection) -> None:
        self.sockets.append(socket)
        try:
            async for frame in socket:
                value = json.loads(frame)
                self.frames.append(value)
                self.news.set()
                if value["type"] == "hello":
                    await socket.send(encode(Welcome(session="s")))
                    if self.catalog:
                        await socket.send(encode(HandedCatalog(text=self.catalog)))
                elif self.ask and value["type"] == "capacity" and any(model["free"] for model in value["models"]):
                    chat = ChatRequest(messages=(Message(role="user", content=self.words),), max_tokens=5)
                    await socket.send(encode(Start(job=self.ask, attempt=1, model="tiny", request=chat, seed=1)))
                    self.ask = ""
        except ConnectionClosed:
            pass

    def _http(self, _: ServerConnection, request: Request) -> Response | None:
        if request.path == "/health":
            return _response(200)
        if self.instead:
            return _response(503, self.instead)
        if self.refuse:
            return _response(401)
        return _response(200) if request.path == "/v1/models" else None


def _response(status: int, body: bytes = b"") -> Response:
    return Response(status, "", Headers({"Content-Length": str(len(body)), "Connection": "close"}), body)


@asynccontextmanager
async def serving(
    config: Config,
    scripted: str | None = None,
    gpus: Path | None = None,
    attended: bool = False,
    scripted_media: bool = False,
) -> AsyncIterator[asyncio.Task[int]]:
    """A Service at work on `config`; ended with the block. `gpus`: a file with the readings of its GPUs."""
    assert config.coordinator is not None
    config.state_dir.mkdir(parents=True, exist_ok=True)
    home = Home(config.coordinator, config.key or "")
    service = Service(config, home, lambda progress: None, Scripts(scripted, media=scripted_media), gpus, attended)
    task = asyncio.create_task(service.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def config_in(folder: Path, coordinator: Coordinator, like: Path | None = None, **settings: Any) -> Config:
    """`like`: the file that model_file is to be, when it is not there yet."""
    like = like or settings.get("model_file")
    (folder / "models.yaml").write_text(CATALOG if like is None else of_its_own(like))
    base: dict[str, Any] = {"model": "tiny", "slots": 2, "context": 256, "threads": 1, "key": "sk"}
    return Config(
        coordinator=coordinator.url,
        catalog=folder / "models.yaml",
        models_dir=folder / "models",
        state_dir=folder / "state",
        **{**base, **settings},
    )


async def command(config: Config, *argv: str) -> int:
    """`supernet-worker` with the same settings, as another process would run it; its output is in capsys."""
    env = {
        "SUPERNET_COORDINATOR": config.coordinator or "",
        "SUPERNET_KEY": config.key or "",
        "SUPERNET_CATALOG": str(config.catalog),
        "SUPERNET_MODELS_DIR": str(config.models_dir),
        "SUPERNET_STATE_DIR": str(config.state_dir),
        "SUPERNET_MODEL": config.model or "",
        "SUPERNET_MEDIA": config.media or "",
        "SUPERNET_MODEL_FILE": str(config.model_file or ""),
        "SUPERNET_PROJECTOR_FILE": str(config.projector_file or ""),
        "SUPERNET_VISION": config.vision,
        "SUPERNET_MODELS_CAP_GIB": str(config.models_cap_gib or ""),
        "SUPERNET_SLOTS": str(config.slots),
        "SUPERNET_CONTEXT": str(config.context),
        "HF_ENDPOINT": config.hub,
        "HOME": str(config.state_dir),
    }
    return await asyncio.to_thread(main.main, list(argv), env)
