"""The scripted pipeline keeps the promises of the port, and breaks exactly those that it is told to break."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeVar

import av
import pytest
from PIL import Image

from tests.fakes.manual_time import ManualTime
from wire.errors import ErrorCode
from wire.media import GenerateImage, GenerateMusic, GenerateVideo, Making
from worker.media_engine.port import Cancel, Down, Ended, Event, Made, Progress, Pulse, Ready, Render
from worker.media_engine.scripted import WAITING, Faults, ScriptedMediaEngine

E = TypeVar("E", bound=Event)
IMAGE = GenerateImage(prompt="a fox", width=96, height=64, steps=4, previews=1)


class Bench:
    def __init__(self, folder: Path) -> None:
        self.time, self.folder = ManualTime(), folder
        self.engine = ScriptedMediaEngine(pace_s=1.0, clock=self.time.clock, sleep=self._sleep)
        self._events = self.engine.events()

    async def _sleep(self, seconds: float) -> None:
        self.time.now += seconds
        await asyncio.sleep(0)

    def render(self, job: str = "j", make: Making = IMAGE, seed: int = 1) -> None:
        folder = self.folder / job
        folder.mkdir(exist_ok=True)
        self.engine.send(Render(job, make, seed, (), str(folder)))

    async def until(self, kind: type[E]) -> tuple[list[Event], E]:
        """What comes before the first event of the kind, pulses left out, and that event."""
        before: list[Event] = []
        async with asyncio.timeout(60):
            async for event in self._events:
                if isinstance(event, kind):
                    return before, event
                if not isinstance(event, Pulse):
                    before.append(event)
        raise AssertionError("the events ended")


def size_and_digest(made: Made) -> tuple[int, str]:
    data = Path(made.path).read_bytes()
    return len(data), hashlib.sha256(data).hexdigest()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path)
    await bench.until(Ready)
    yield bench
    await bench.engine.close()


async def test_a_picture_is_told_step_by_step_and_is_what_was_asked_for(bench: Bench) -> None:
    bench.render()
    before, end = await bench.until(Ended)
    told = [event for event in before if isinstance(event, Progress)]
    assert [(one.stage, one.step, one.steps) for one in told] == [
        ("encoding", 0, 4),
        *(("denoising", step, 4) for step in (1, 2, 3, 4)),
        ("saving", 4, 4),
    ]
    assert [one.step for one in told if one.preview] == [2]
    assert (end.reason, end.seconds) == ("done", 4.0)
    made = before[-1]
    assert isinstance(made, Made) and made.media_type == "image/png"
    assert (made.size_bytes, made.sha256) == size_and_digest(made)
    with Image.open(made.path) as image:
        assert (image.format, image.size) == ("PNG", (96, 64))


async def test_the_seed_decides(bench: Bench) -> None:
    digests = []
    for job, seed in (("a", 1), ("b", 1), ("c", 2)):
        bench.render(job, seed=seed)
        digests.append((await bench.until(Made))[1].sha256)
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    ("make", "media_type", "seconds"),
    [
        (GenerateVideo(prompt="p", width=64, height=64, frames=33, fps=16, steps=2), "video/mp4", 33 / 16),
        (GenerateMusic(prompt="p", seconds=3, steps=2), "audio/mpeg", 3.0),
        (GenerateMusic(prompt="p", seconds=3, steps=2, format="flac"), "audio/flac", 3.0),
    ],
)
async def test_film_and_music_last_as_long_as_asked_for(
    bench: Bench, make: Making, media_type: str, seconds: float
) -> None:
    bench.render(make=make)
    _, made = await bench.until(Made)
    assert made.media_type == media_type
    with av.open(made.path) as file:
        assert (file.duration or 0) / av.time_base == pytest.approx(seconds, abs=0.1)


async def test_a_job_behind_another_waits_and_cancel_reaches_both(bench: Bench) -> None:
    for job in "abc":
        bench.render(job)
    await bench.until(Progress)
    bench.engine.send(Cancel("a"))
    bench.engine.send(Cancel("b"))
    bench.engine.send(Cancel("nobody"))
    ends = [(await bench.until(Ended))[1] for _ in range(3)]
    assert [(end.job, end.reason) for end in ends] == [("a", "cancelled"), ("b", "cancelled"), ("c", "done")]


async def test_a_queue_that_is_full_refuses(bench: Bench) -> None:
    for at in range(WAITING + 2):
        bench.render(f"j{at}")
    _, end = await bench.until(Ended)
    assert (end.job, end.code) == (f"j{WAITING + 1}", ErrorCode.WORKER_BUSY)


async def test_a_crash_names_its_jobs_and_it_comes_back(bench: Bench) -> None:
    bench.engine.faults = Faults(crash_after=2)
    bench.render("a")
    bench.render("b")
    before, down = await bench.until(Down)
    assert [event.step for event in before if isinstance(event, Progress)] == [0, 1, 2]
    assert (down.jobs, down.guilty, down.retry_in_s) == (("a", "b"), "a", 0.5)
    bench.render("c")
    assert (await bench.until(Ended))[1].code is ErrorCode.MODEL_NOT_LOADED
    await bench.until(Ready)
    bench.render("d")
    assert (await bench.until(Ended))[1].reason == "done"


async def test_a_hang_is_silent_for_as_long_as_its_supervisor_would_bear_it(bench: Bench) -> None:
    bench.engine.faults = Faults(hang_after=0, retry_in_s=None, problem="engine_broken")
    began = bench.time.now
    bench.render()
    _, down = await bench.until(Down)
    assert bench.time.now - began >= 20 and (down.retry_in_s, down.problem) == (None, "engine_broken")


@pytest.mark.parametrize("faults", [Faults(fail=ErrorCode.ENGINE_ERROR), Faults(refuse=ErrorCode.ENGINE_ERROR)])
async def test_a_failure_ends_the_job_alone(bench: Bench, faults: Faults) -> None:
    bench.engine.faults = faults
    bench.render()
    _, end = await bench.until(Ended)
    assert (end.reason, end.code) == ("failed", ErrorCode.ENGINE_ERROR)
    bench.engine.faults = Faults()
    bench.render("again")
    assert (await bench.until(Ended))[1].reason == "done"


async def test_close_ends_what_runs(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await bench.until(Ready)
    bench.render()
    await bench.until(Progress)
    await bench.engine.close()
    _, end = await bench.until(Ended)
    assert (end.reason, end.code) == ("failed", ErrorCode.WORKER_DRAINING)
