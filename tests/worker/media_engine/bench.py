"""A pipeline's engine at work: what is sent to it, and what it says."""

import asyncio
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from wire.media import Making
from wire.media_catalog import MediaSpec, Pipeline
from worker.media_engine.port import Ended, Event, Loading, Made, MediaEngine, PipelineSpec, Progress, Pulse, Render

E = TypeVar("E", bound=Event)
TOOLS = ("generate_image", "edit_image", "generate_video", "sound_to_video", "video_to_video", "generate_music")
PATIENCE_S = 240.0


def spec(pipeline: Pipeline, folder: Path, *, guidance: float = 3.0, **limits: int) -> PipelineSpec:
    """For the tiny pipelines: on one thread of the CPU, all tools."""
    bounds = {"pixels": 256 * 256, "frames": 33, "seconds": 10, "images": 6, "steps": 20} | limits
    return PipelineSpec(
        MediaSpec.model_validate(
            {
                **{"id": "tiny", "name": "Tiny", "tools": TOOLS, "pipeline": pipeline, "repository": "tests/tiny"},
                **{"price": 1, "licence": "none", "limits": bounds},
                "defaults": {"width": 64, "height": 64, "fps": 8, "steps": 2, "guidance": guidance},
            }
        ),
        str(folder),
    )


def name(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass
class Result:
    end: Ended
    made: Made | None
    progress: list[Progress]


class Bench:
    """Reads the events of an engine for a test; `inputs` are there for every job."""

    def __init__(self, engine: MediaEngine, into: Path, inputs: tuple[Path, ...] = ()) -> None:
        self.engine, self.into = engine, into
        self.inputs = tuple((name(path), str(path)) for path in inputs)
        self._events = engine.events()

    async def until(self, kind: type[E], *, job: str | None = None) -> tuple[list[Any], E]:
        """What comes before the first event of the kind (of the job), signs of life left out, and that event."""
        before: list[Any] = []
        async with asyncio.timeout(PATIENCE_S):
            async for event in self._events:
                if isinstance(event, kind) and job in (None, getattr(event, "job", None)):
                    return before, event
                if not isinstance(event, Pulse | Loading):
                    before.append(event)
        raise AssertionError("the events ended")

    def send(self, make: Making, job: str = "job", seed: int = 1) -> None:
        folder = self.into / job
        folder.mkdir(exist_ok=True)
        self.engine.send(Render(job, make, seed, self.inputs, str(folder)))

    async def make(self, make: Making, job: str = "job", seed: int = 1) -> Result:
        """One job to its end."""
        self.send(make, job, seed)
        before, end = await self.until(Ended, job=job)
        made = [event for event in before if isinstance(event, Made)]
        return Result(end, made[0] if made else None, [event for event in before if isinstance(event, Progress)])
