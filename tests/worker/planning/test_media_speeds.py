"""How fast a pipeline is: what is made to find out, and until when that counts."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.worker.daemon.media_catalog import written
from tests.worker.planning.test_media_plan import machine
from wire.media import GenerateImage, GenerateMusic, GenerateVideo
from wire.media_catalog import MediaDefaults, MediaLimits, MediaSpec
from worker.config import Config
from worker.media_engine.scripted import Faults, ScriptedMediaEngine
from worker.planning import media_speeds
from worker.planning.benchmark_jobs import BenchmarkError
from worker.planning.media_plan import plan_media
from worker.planning.media_setup import MediaAssembly, entry
from worker.weights.folders import Folder


@pytest.fixture
def spec(tmp_path: Path) -> MediaSpec:
    return entry(Config(catalog=written(tmp_path), media="painter"))


def assembly(spec: MediaSpec) -> MediaAssembly:
    here = machine(24)
    return MediaAssembly(spec, Folder(Path("/x"), "a" * 64, 5), here, plan_media(spec, here, 0, spec.tools))


def test_it_is_measured_with_what_the_catalog_says_is_usual(spec: MediaSpec) -> None:
    make = media_speeds.sample(spec)
    assert isinstance(make, GenerateImage) and (make.width, make.height, make.steps) == (64, 64, 4)
    film = spec.model_copy(
        update={
            "tools": ("generate_video",),
            "defaults": MediaDefaults(width=64, height=64, steps=4, fps=16, seconds=5),
            "limits": MediaLimits(pixels=4096, frames=61, frames_step=4),
        }
    )
    made = media_speeds.sample(film)
    assert isinstance(made, GenerateVideo) and made.frames == 61
    music = spec.model_copy(update={"tools": ("generate_music",), "defaults": MediaDefaults(steps=4, seconds=30)})
    piece = media_speeds.sample(music)
    assert isinstance(piece, GenerateMusic) and piece.seconds == 30
    assert media_speeds.sample(spec.model_copy(update={"tools": ("edit_image",)})) is None


async def test_a_speed_is_effort_by_time_and_the_first_run_does_not_count(spec: MediaSpec, tmp_path: Path) -> None:
    said: list[str] = []
    engine, make = ScriptedMediaEngine(), media_speeds.sample(spec)
    assert make is not None
    async with asyncio.timeout(60):
        assert await media_speeds.measure(engine, make, str(tmp_path), said.append) > 0
    await engine.close()
    assert len(said) == media_speeds.RUNS
    dying = ScriptedMediaEngine()
    dying.faults = Faults(crash_after=0, retry_in_s=None)
    with pytest.raises(BenchmarkError):
        await media_speeds.measure(dying, make, str(tmp_path), said.append)
    await dying.close()


def test_it_counts_while_all_that_it_depends_on_is_the_same(spec: MediaSpec, tmp_path: Path) -> None:
    made = assembly(spec)
    assert media_speeds.known(tmp_path, made) == 0.0
    media_speeds.remember(tmp_path / "new", made, 4.5)
    assert media_speeds.known(tmp_path / "new", made) == 4.5
    other = replace(made, folder=Folder(Path("/x"), "b" * 64, 5))
    assert media_speeds.known(tmp_path / "new", other) == 0.0
    (tmp_path / "new" / media_speeds.NAME).write_text("{")
    assert media_speeds.known(tmp_path / "new", made) == 0.0


def test_a_card_that_knows_no_bfloat16_gets_float16(spec: MediaSpec) -> None:
    from worker.machine.description import Card

    made = assembly(spec)
    assert made.pipeline.dtype == "bfloat16" and made.pipeline.device == "cuda:0"
    old = replace(made.machine, cards=(Card("0000:00:00.0", "T4", capability=(7, 5)),))
    assert replace(made, machine=old).pipeline.dtype == "float16"
    slow = machine()
    assert replace(made, machine=slow, plan=plan_media(spec, slow, 0, spec.tools)).pipeline.dtype == "float32"
    assert made.offer(("edit_image",), 2.0).sha256 == "a" * 64
