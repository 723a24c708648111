"""How fast a pipeline is on this machine: measured at its default size, kept in the state folder for Hello.

It counts only while all that it depends on is the same: the folder's files, the device and the libraries.
"""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from wire.media import GenerateImage, GenerateMusic, GenerateVideo, Making, effort
from wire.media_catalog import MediaSpec
from worker import state_dir
from worker.media_engine import port
from worker.planning.benchmark_jobs import BenchmarkError
from worker.planning.media_setup import MediaAssembly

NAME = "media-speed.json"
RUNS = 3  # the first of them warms up and is not counted
PROMPT = "a lighthouse on a cliff in the evening, gulls above it"


def sample(spec: MediaSpec) -> Making | None:
    """Return what is made to measure the pipeline, at its default size; None: it makes nothing without a file."""
    given = spec.defaults
    width, height, steps = given.width, given.height, given.steps
    if "generate_image" in spec.tools:
        return GenerateImage(prompt=PROMPT, width=width, height=height, steps=steps)
    if "generate_video" in spec.tools:
        step = spec.limits.frames_step
        frames = min(spec.limits.frames, given.fps * given.seconds // step * step + 1)
        fps = max(1, given.fps)
        return GenerateVideo(prompt=PROMPT, width=width, height=height, steps=steps, frames=max(1, frames), fps=fps)
    if "generate_music" in spec.tools:
        return GenerateMusic(prompt=PROMPT, seconds=max(1, given.seconds), steps=steps)
    return None


async def measure(engine: port.MediaEngine, make: Making, into: str, progress: Callable[[str], None]) -> float:
    """Return the effort (wire.media.effort) a second of a starting engine: the best of its runs. Raises
    BenchmarkError."""
    events = engine.events()
    await _ready(events, progress)
    took: list[float] = []
    for number in range(RUNS):
        engine.send(port.Render(f"bench.{number}", make, number, (), into))
        took.append(await _ended(events))
        progress(f"{make.tool} {number + 1} of {RUNS}: {took[-1]:.1f} s")
    return effort(make) / max(min(took[1:]), 1e-3)


async def _ready(events: AsyncIterator[port.Event], progress: Callable[[str], None]) -> None:
    async for event in events:
        match event:
            case port.Ready():
                return
            case port.Down():
                raise BenchmarkError(f"the pipeline did not start: {event.message}")
            case port.Loading():
                progress("loading")
            case _:
                pass
    raise BenchmarkError("the engine was closed")


async def _ended(events: AsyncIterator[port.Event]) -> float:
    async for event in events:
        match event:
            case port.Ended(reason="done"):
                return event.seconds
            case port.Ended() | port.Down():
                raise BenchmarkError(f"what was measured did not end well: {event.message}")
            case _:
                pass
    raise BenchmarkError("the engine was closed")


def basis(assembly: MediaAssembly) -> dict[str, Any]:
    """Return all that a speed depends on, as JSON values."""
    plan, hardware = assembly.plan, assembly.machine.hardware
    device = hardware.cpu if plan.card is None else hardware.gpus[plan.card].name
    versions = {package: _version(package) for package in ("supernet", "torch", "diffusers")}
    return {"sha256": assembly.folder.sha256, "device": device, "dtype": assembly.pipeline.dtype, "versions": versions}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def remember(folder: Path, assembly: MediaAssembly, speed: float) -> None:
    """Keep the speed of the pipeline that was measured last."""
    folder.mkdir(parents=True, exist_ok=True)
    state_dir.write(folder / NAME, json.dumps({"basis": basis(assembly), "speed": speed}))


def known(folder: Path, assembly: MediaAssembly) -> float:
    """Return what was kept, if it still counts; 0: it was not measured."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads((folder / NAME).read_bytes())
        if kept["basis"] == basis(assembly):
            return max(0.0, float(kept["speed"]))
    return 0.0
