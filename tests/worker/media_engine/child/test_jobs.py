"""The order of jobs, and what becomes of each that fails, with a pipeline that is only said to be one."""

import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest

from tests.coordinator.artefacts.files import mp4
from tests.worker.media_engine.bench import spec
from tests.worker.media_files.test_decode import wav
from tools.hostile.pictures import files
from wire.errors import ErrorCode
from wire.media import EditImage, GenerateImage, GenerateMusic, SoundToVideo, VideoToVideo
from wire.media_catalog import Pipeline
from worker.media_engine.child.inputs import Inputs
from worker.media_engine.child.jobs import LEAST_PIXELS, SMALLER, WAITING, Jobs
from worker.media_engine.child.recipes import Recipe
from worker.media_engine.port import Cancel, Ended, Event, Made, Progress, Ready, Render
from worker.media_files.encode import Output, Pixels

FOX = GenerateImage(prompt="a fox", width=64, height=64, steps=3)
NAME = "0" * 64  # of the file in `BOMBS`
EDITED = EditImage(prompt="a fox", width=64, height=64, steps=2, images=(NAME,))
FILM: dict[str, Any] = {"prompt": "a fox", "width": 64, "height": 64, "frames": 9, "fps": 8, "steps": 2}
RESTYLED, FOLLOWED = VideoToVideo(**FILM, video=NAME, mode="restyle"), SoundToVideo(**FILM, sound=NAME)
OnStep = Callable[[int, Callable[[], Pixels]], None]


class Stand:
    """Takes as many steps as it is told to; `troubles` are raised by the renders to come, in their order."""

    modes: tuple[str, ...] = ("generate_image",)
    sound_hz, weights_bytes = 16_000, 1000

    def __init__(self) -> None:
        self.troubles: list[BaseException | None] = []
        self.tightened = 0
        self.at_step: Callable[[int], None] = lambda step: None

    def peak_bytes(self) -> int:
        return 2000

    def tighten(self) -> None:
        self.tightened += 1

    def render(self, recipe: Recipe, inputs: Inputs, seed: int, on_step: OnStep) -> Output:
        pixels = np.full((1, 64, 64, 3), seed % 256, np.uint8)
        trouble = self.troubles.pop(0) if self.troubles else None
        for step in range(1, recipe.steps + 1):
            self.at_step(step)
            on_step(step, lambda: pixels[0])
            if trouble:
                raise trouble
        return Output(pixels)


class Bench:
    def __init__(self, folder: Path, pipeline: Pipeline = "StableDiffusionPipeline") -> None:
        self.told: SimpleQueue[Event] = SimpleQueue()
        self.stand, self.folder = Stand(), folder
        tiny = spec(pipeline, folder)
        self.jobs = Jobs(tiny, self.stand, self.told.put, lambda error: isinstance(error, MemoryError), lambda: 5.0)
        self.thread = threading.Thread(target=self.jobs.run)

    def post(self, job: str, make: GenerateImage | GenerateMusic = FOX, seed: int = 1) -> None:
        self.jobs.post(Render(job, make, seed, (), str(self.folder)))

    def until_end(self) -> tuple[list[Event], Ended]:
        before: list[Event] = []
        while not isinstance(event := self.told.get(timeout=60), Ended):
            before.append(event)
        return before, event


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    bench.thread.start()
    assert bench.told.get(timeout=60) == Ready(("generate_image",), 1000, 256 * 256, 33, 10, 6)
    yield bench
    bench.jobs.stop()
    bench.thread.join(60)
    assert not bench.thread.is_alive()


def test_a_job_is_told_from_its_first_step_to_its_file(bench: Bench) -> None:
    bench.post("j", FOX.model_copy(update={"previews": 2}))
    before, end = bench.until_end()
    told = [event for event in before if isinstance(event, Progress)]
    assert [(one.stage, one.step, bool(one.preview)) for one in told] == [
        ("encoding", 0, False),
        ("denoising", 1, True),
        ("denoising", 2, True),
        ("denoising", 3, False),
        ("decoding", 3, False),
        ("saving", 3, False),
    ]
    assert isinstance(before[-1], Made) and Path(before[-1].path).stat().st_size == before[-1].size_bytes
    assert end == Ended("j", "done", None, "", 0.0, 2000)


def test_a_cancel_between_two_steps_ends_it_at_the_next_and_one_that_waits_never_begins(bench: Bench) -> None:
    def cancel(step: int) -> None:
        if step == 2:
            bench.jobs.post(Cancel("a"))
            bench.jobs.post(Cancel("b"))

    bench.stand.at_step = cancel
    for job in "ab":
        bench.post(job)
    before, end = bench.until_end()
    assert end.reason == "cancelled" and max(one.step for one in before if isinstance(one, Progress)) == 1
    before, end = bench.until_end()
    assert (end.job, end.reason) == ("b", "cancelled")
    assert not before
    bench.jobs.post(Cancel("nobody"))
    bench.stand.at_step = lambda step: None
    bench.post("c")
    assert bench.until_end()[1].reason == "done"


def test_a_cancel_while_it_decodes_makes_no_file(bench: Bench) -> None:
    bench.stand.at_step = lambda step: bench.jobs.post(Cancel("j")) if step == 3 else None
    bench.post("j")
    before, end = bench.until_end()
    assert end.reason == "cancelled" and not any(isinstance(event, Made) for event in before)


def test_memory_that_runs_out_once_is_tried_again_with_less(bench: Bench) -> None:
    bench.stand.troubles = [MemoryError()]
    bench.post("j")
    before, end = bench.until_end()
    assert end.reason == "done" and bench.stand.tightened == 1
    assert not any(isinstance(event, Ready) for event in before)


def test_memory_that_runs_out_twice_shrinks_the_offer(bench: Bench) -> None:
    bench.stand.troubles = [MemoryError(), MemoryError()]
    big = FOX.model_copy(update={"width": 256, "height": 256})
    bench.post("j", big)
    before, end = bench.until_end()
    assert (end.reason, end.code) == ("failed", ErrorCode.ENGINE_ERROR) and "another" in end.message
    (ready,) = [event for event in before if isinstance(event, Ready)]
    assert ready.max_pixels == int(256 * 256 * SMALLER)
    bench.post("k", big)
    assert "pixels" in bench.until_end()[1].message
    bench.stand.troubles = [MemoryError(), MemoryError()]
    bench.post("l", FOX)
    before, _ = bench.until_end()
    (ready,) = [event for event in before if isinstance(event, Ready)]
    assert ready.max_pixels == LEAST_PIXELS


def test_what_the_pipeline_cannot_make_is_the_clients_fault_and_what_it_dies_of_is_not(bench: Bench) -> None:
    bench.post("a", GenerateMusic(prompt="p", seconds=2, steps=2))
    end = bench.until_end()[1]
    assert (end.code, end.message) == (ErrorCode.INVALID_REQUEST, "tiny cannot make it: it has no generate_music")
    bench.stand.troubles = [RuntimeError("a secret prompt")]
    bench.post("b")
    end = bench.until_end()[1]
    assert (end.code, end.message) == (ErrorCode.ENGINE_ERROR, "the pipeline failed: RuntimeError")


def test_a_disk_that_takes_no_file_is_told_in_its_own_words(bench: Bench) -> None:
    bench.stand.troubles = [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/home/me/a secret prompt")]
    bench.post("a")
    end = bench.until_end()[1]
    assert end.code is ErrorCode.ENGINE_ERROR and "No space left on device" in end.message
    assert "secret" not in end.message


def endless() -> bytes:
    """A film whose head promises four billion frames."""
    film = mp4()
    at = film.index(b"stsz") + 12  # behind version and size: how many
    return film[:at] + b"\xff\xff\xff\xff" + film[at + 4 :]


BOMBS: dict[str, tuple[Pipeline, Any, bytes]] = {
    "a picture of 100,000 x 100,000": ("QwenImageEditPlusPipeline", EDITED, files.png(100_000, 100_000, bytes(1000))),
    "a picture that is none": ("QwenImageEditPlusPipeline", EDITED, b"\x89PNG\r\n\x1a\n" + bytes(1000)),
    "a film without an end": ("WanVideoToVideoPipeline", RESTYLED, endless()),
    "a film that is a list of others": ("WanVideoToVideoPipeline", RESTYLED, b"ffconcat version 1.0\nfile 0\n"),
    "a sound of one sample a second": ("LTX2DFRPipeline", FOLLOWED, wav(1, bytes(100_000))),
    "a sound that lies of its size": ("LTX2DFRPipeline", FOLLOWED, wav(48_000, b"", 2**32 - 1)),
}


@pytest.mark.parametrize("what", BOMBS)
def test_a_hostile_file_is_its_clients_fault(tmp_path: Path, what: str) -> None:
    pipeline, make, content = BOMBS[what]
    (tmp_path / "0").write_bytes(content)
    bench = Bench(tmp_path, pipeline)
    bench.stand.modes = ("generate_image", "edit_image", "video_to_video.restyle", "sound_to_video")
    bench.thread.start()
    bench.jobs.post(Render("bomb", make, 1, ((NAME, str(tmp_path / "0")),), str(tmp_path)))
    end = bench.until_end()[1]
    assert (end.job, end.reason, end.code) == ("bomb", "failed", ErrorCode.INVALID_REQUEST), end.message
    assert str(tmp_path) not in end.message
    bench.jobs.stop()
    bench.thread.join(60)
    assert not bench.thread.is_alive()


def test_a_queue_has_an_end(bench: Bench) -> None:
    held = threading.Event()

    def hold(_: int) -> None:
        held.wait(60)

    bench.stand.at_step = hold
    for at in range(WAITING + 2):
        bench.post(f"j{at}")
    _, end = bench.until_end()
    assert (end.job, end.code) == (f"j{WAITING + 1}", ErrorCode.WORKER_BUSY)
    assert bench.jobs.busy
    held.set()
    assert [bench.until_end()[1].reason for _ in range(WAITING + 1)] == ["done"] * (WAITING + 1)


def test_stop_ends_what_runs_at_its_next_step(bench: Bench) -> None:
    bench.stand.at_step = lambda step: bench.jobs.stop() if step == 2 else None
    bench.post("j")
    assert bench.until_end()[1].reason == "cancelled"
