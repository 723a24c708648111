"""The four ways in which the clients are run, each on a network of processes of its own: chats and wishes to draw, to a
script and to models that were trained."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tools import demo_media
from tools.compat import conversation, drawing
from tools.compat.install import Client, Program
from tools.local_network import Network
from tools.seeing_network import SeeingNetwork

CONTEXT = 2**18  # a scripted token is a byte, and an agent's tools come to 50 KB
TRAINED = Path(__file__).parents[2] / "tools" / "tiny_models" / "tiny-qwen3-chat.gguf"
PIPELINES = f"""
media:
  - id: {drawing.PIPELINE}
    name: Draws and edits
    tools: [generate_image, edit_image]
    pipeline: StableDiffusionPipeline
    repository: a/b
    defaults: {{width: 64, height: 64, steps: 4}}
    limits: {{pixels: 16384, images: 3}}
    price: 3000000
    licence: Apache-2.0
  - id: {drawing.FILM_PIPELINE}
    name: Films
    tools: [generate_video]
    pipeline: WanPipeline
    repository: a/b
    defaults: {{width: 64, height: 64, steps: 4, fps: 8, seconds: 1}}
    limits: {{pixels: 16384, frames: 65, frames_step: 4}}
    price: 20000000
    licence: Apache-2.0
"""


class ScriptedStudio(SeeingNetwork):
    """A network whose model sees, and whose pipelines make small files."""

    @property
    def catalog(self) -> Path:
        path = super().catalog
        path.write_text(path.read_text() + PIPELINES)
        return path


class Studio(Network):
    """A network with the toy that comes with the program."""

    @property
    def catalog(self) -> Path:
        path = super().catalog
        path.write_text(path.read_text() + yaml.safe_dump({"media": demo_media.toy()}))
        return path


@dataclass(frozen=True)
class Run:
    """`kept`: what the clients send in it is kept as recorded requests."""

    kind: str
    network: Callable[[], AbstractContextManager[Network]]
    said: dict[str, Any]
    program: Callable[[Client], Program | None]
    kept: bool = False


@contextmanager
def scripted() -> Iterator[Network]:
    with tempfile.TemporaryDirectory(prefix="compat") as name:
        network = SeeingNetwork(Path(name), Path(name) / "no model", context=CONTEXT, format="qwen-xml")
        with _coordinating(network):
            _start_scripted(network, conversation.script_of_agents("qwen-xml"))
            yield network


@contextmanager
def _scripted_drawing() -> Iterator[Network]:
    with tempfile.TemporaryDirectory(prefix="compat") as name:
        network = ScriptedStudio(Path(name), Path(name) / "no model", context=CONTEXT, format="qwen-xml")
        with _coordinating(network):
            _start_scripted(network, drawing.script("qwen-xml"))
            network.start_media_worker(drawing.PIPELINE, "image", "--scripted-media")
            network.start_media_worker(drawing.FILM_PIPELINE, "video", "--scripted-media")
            yield network


@contextmanager
def _trained() -> Iterator[Network]:
    with tempfile.TemporaryDirectory(prefix="compat") as name, _coordinating(Network(Path(name), TRAINED)) as network:
        network.start_worker()
        yield network


@contextmanager
def _trained_drawing() -> Iterator[Network]:
    with tempfile.TemporaryDirectory(prefix="compat") as name:
        with _coordinating(Studio(Path(name), demo_media.WEIGHTS)) as network:
            network.start_worker()
            network.start_media_worker(demo_media.TOY, "image")
            yield network


@contextmanager
def _coordinating(network: Network) -> Iterator[Network]:
    try:
        network.start_coordinator()
        yield network
    finally:
        network.close()


def _start_scripted(network: Network, script: str) -> None:
    file = network.folder / "script.json"
    file.write_text(script)
    network.start_worker("--scripted", str(file), "--scripted-vision", "--context", str(CONTEXT))


RUNS = (
    Run("scripted", scripted, conversation.said(), lambda client: client.program, kept=True),
    Run(
        "trained",
        _trained,
        conversation.said_to_the_trained_model(),
        lambda client: client.program if client.trained else None,
    ),
    Run("drawing", _scripted_drawing, drawing.said(), lambda client: client.draws, kept=True),
    Run(
        "drawing trained",
        _trained_drawing,
        drawing.said_to_the_trained_model(demo_media.TOY),
        lambda client: client.draws,
    ),
)
