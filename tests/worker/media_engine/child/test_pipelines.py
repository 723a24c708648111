"""Each family of pipelines in its real child process: diffusers, with a few thousand random weights. What comes out
decodes and has the size, the frames and the seconds that were asked for; the same seed gives the same bytes."""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tests.worker.media_engine.bench import PATIENCE_S, Bench, Result, name, spec
from wire.errors import ErrorCode
from wire.media import EditImage, GenerateImage, GenerateMusic, GenerateVideo, Making, SoundToVideo, VideoToVideo
from wire.media_catalog import Pipeline
from worker.media_engine.port import Cancel, Down, Ended, Progress, Ready
from worker.media_engine.process import ProcessMediaEngine
from worker.media_files.encode import Sound, write_film, write_picture, write_sound

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[4]
SIZE = {"width": 64, "height": 96}
RATE = 48_000


class Files:
    """What clients send: three pictures, a tone, and a film of a square that falls."""

    def __init__(self, folder: Path) -> None:
        colours = np.random.default_rng(1)
        self.pictures = [folder / f"{at}.png" for at in range(3)]
        for at, path in enumerate(self.pictures):
            write_picture(path, colours.integers(0, 255, (48 + 16 * at, 64, 3), dtype=np.uint8), "png")
        wave = np.sin(np.arange(2 * RATE) * 2 * np.pi * 440 / RATE).astype(np.float32) * np.float32(0.4)
        self.sound, self.film = folder / "sound.wav", folder / "film.mp4"
        write_sound(self.sound, Sound(np.stack([wave, wave]), RATE), "wav")
        frames = [np.zeros((64, 64, 3), np.uint8) for _ in range(20)]
        for at, frame in enumerate(frames):
            frame[10 + at : 30 + at, 20:40] = 255
        write_film(self.film, frames, 10)

    @property
    def all(self) -> tuple[Path, ...]:
        return (*self.pictures, self.sound, self.film)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    command = [sys.executable, "-W", "ignore", "-m", "tests.worker.media_engine.tiny", str(folder)]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True, timeout=5 * PATIENCE_S)
    return folder


@asynccontextmanager
async def loaded(
    pipeline: Pipeline, folder: Path, into: Path, files: Files, guidance: float = 3.0
) -> AsyncIterator[tuple[Bench, Ready]]:
    bench = Bench(ProcessMediaEngine(spec(pipeline, folder, guidance=guidance)), into, files.all)
    try:
        before, ready = await bench.until(Ready)
        assert not before
        yield bench, ready
    finally:
        await bench.engine.close()


def done(result: Result, media_type: str) -> Path:
    """The file that was made; its job was told from the first step to the last."""
    assert result.made is not None and (result.end.reason, result.end.code) == ("done", None), result.end
    path = Path(result.made.path)
    assert (result.made.media_type, result.made.size_bytes) == (media_type, path.stat().st_size)
    assert result.made.sha256 == name(path)
    steps = result.progress[0].steps
    assert [one.step for one in result.progress if one.stage == "denoising"] == [*range(1, steps + 1)]
    stages = list(dict.fromkeys(one.stage for one in result.progress))
    assert stages == ["encoding", "denoising", "decoding", "saving"]
    return path


def check_picture(result: Result, size: tuple[int, int] = (64, 96)) -> None:
    with Image.open(done(result, "image/png")) as image:
        assert (image.format, image.size, image.info) == ("PNG", size, {})
        assert np.asarray(image).std() > 5  # something was drawn


def check_film(result: Result, frames: int, fps: int, size: tuple[int, int] = (64, 96)) -> Path:
    path = done(result, "video/mp4")
    with av.open(str(path)) as film:
        (stream,) = film.streams.video
        shown = [frame.to_ndarray(format="rgb24") for frame in film.decode(stream)]
        assert (stream.average_rate, len(shown)) == (Fraction(fps), frames)
        assert shown[0].shape == (size[1], size[0], 3) and shown[0].std() > 5
    return path


async def test_a_picture_of_a_text_step_by_step_with_previews_and_the_seed_decides(
    weights: Path, files: Files, tmp_path: Path
) -> None:
    fox = GenerateImage(prompt="a red fox", **SIZE, steps=4, previews=1, negative_prompt="rain")
    async with loaded("StableDiffusionPipeline", weights / "stable_diffusion", tmp_path, files) as (bench, ready):
        assert ready.modes == ("generate_image", "edit_image") and ready.memory_bytes > 100_000
        first = await bench.make(fox, "a", seed=7)
        check_picture(first)
        shown = [one for one in first.progress if one.preview]
        assert [one.step for one in shown] == [2] and shown[0].preview.startswith(b"\xff\xd8")
        assert first.end.seconds > 0 and first.end.memory_bytes > ready.memory_bytes
        again, other = await bench.make(fox, "b", seed=7), await bench.make(fox, "c", seed=8)
        assert first.made and again.made and other.made
        assert first.made.sha256 == again.made.sha256 != other.made.sha256
        for format in ("jpeg", "webp"):
            result = await bench.make(fox.model_copy(update={"format": format, "previews": 0}), format)
            with Image.open(done(result, f"image/{format}")) as image:
                assert (image.format, image.size) == (format.upper(), (64, 96))
        edit = EditImage(prompt="in the snow", **SIZE, steps=4, images=(name(files.pictures[0]),))
        result = await bench.make(edit, "edit")
        check_picture(result)
        two = edit.model_copy(update={"images": tuple(name(path) for path in files.pictures[:2])})
        refused = (await bench.make(two, "two")).end
        assert refused.code is ErrorCode.INVALID_REQUEST and "one picture at a time" in refused.message


async def test_a_cancel_frees_within_a_step_and_a_killed_child_comes_back(
    weights: Path, files: Files, tmp_path: Path
) -> None:
    fox = GenerateImage(prompt="a red fox", **SIZE, steps=20)
    async with loaded("StableDiffusionPipeline", weights / "stable_diffusion", tmp_path, files) as (bench, _):
        engine = bench.engine
        assert isinstance(engine, ProcessMediaEngine)
        bench.send(fox, "a")
        bench.send(fox, "waits")
        bench.send(fox.model_copy(update={"steps": 2}), "b")
        await bench.until(Progress)
        engine.send(Cancel("a"))
        engine.send(Cancel("waits"))
        before, end = await bench.until(Ended)
        assert (end.job, end.reason) == ("a", "cancelled")
        assert all(event.step < 20 for event in before if isinstance(event, Progress))
        before, end = await bench.until(Ended, job="b")  # and the same pipeline goes on without fault
        assert [(one.job, one.reason) for one in before if isinstance(one, Ended)] == [("waits", "cancelled")]
        assert end.reason == "done"

        bench.send(fox, "killed")
        await bench.until(Progress)
        assert engine.pid is not None
        killed = await asyncio.create_subprocess_exec("kill", "-9", str(engine.pid))
        await killed.wait()
        _, down = await bench.until(Down)
        assert (down.jobs, down.guilty, down.problem) == (("killed",), "killed", "") and down.retry_in_s is not None
        await bench.until(Ready)
        assert (await bench.make(fox, "anew")).end.reason == "done"


@pytest.mark.parametrize(
    ("family", "pipeline", "guidance"),
    [("z_image", "ZImagePipeline", 0.0), ("flux", "FluxPipeline", 0.0), ("chroma", "ChromaPipeline", 2.0)],
)
async def test_the_other_families_that_draw(
    family: str, pipeline: Pipeline, guidance: float, weights: Path, files: Files, tmp_path: Path
) -> None:
    fox = GenerateImage(prompt="a red fox", **SIZE, steps=2, negative_prompt="rain", previews=1)
    async with loaded(pipeline, weights / family, tmp_path, files, guidance) as (bench, ready):
        assert ready.modes == ("generate_image",)
        result = await bench.make(fox)
        check_picture(result)
        assert [one.step for one in result.progress if one.preview] == [1]


async def test_an_edit_of_one_and_of_three_pictures(weights: Path, files: Files, tmp_path: Path) -> None:
    names = tuple(name(path) for path in files.pictures)
    edit = EditImage(prompt="put the first beside the others", **SIZE, steps=1, images=names[:1])
    async with loaded("QwenImageEditPlusPipeline", weights / "qwen_edit", tmp_path, files, 1.0) as (bench, _):
        one, three = await bench.make(edit, "a"), await bench.make(edit.model_copy(update={"images": names}), "b")
        check_picture(one)
        check_picture(three)
        assert one.made and three.made and one.made.sha256 != three.made.sha256


def film(**more: object) -> dict[str, object]:
    return {"prompt": "the sea", **SIZE, "frames": 9, "fps": 8, "steps": 2, **more}


async def test_a_film_of_a_text_and_one_restyled(weights: Path, files: Files, tmp_path: Path) -> None:
    async with loaded("WanPipeline", weights / "wan", tmp_path, files) as (bench, ready):
        assert ready.modes == ("generate_video", "video_to_video.restyle")
        sea = GenerateVideo.model_validate(film())
        first, again = await bench.make(sea, "a"), await bench.make(sea, "b")
        check_film(first, 9, 8)
        assert first.made and again.made and first.made.sha256 == again.made.sha256
        restyle = film(video=name(files.film), mode="restyle", strength=0.5)
        check_film(await bench.make(VideoToVideo.model_validate(restyle), "c"), 9, 8)
        odd = (await bench.make(VideoToVideo.model_validate({**restyle, "frames": 33}), "d")).end
        assert odd.code is ErrorCode.INVALID_REQUEST and "the film ends" in odd.message
        canny = (await bench.make(VideoToVideo.model_validate({**restyle, "mode": "canny"}), "e")).end
        assert canny.code is ErrorCode.INVALID_REQUEST and "no video_to_video.canny" in canny.message


async def test_a_film_that_begins_with_a_picture_by_weights_for_both(
    weights: Path, files: Files, tmp_path: Path
) -> None:
    async with loaded("WanPipeline", weights / "wan_both", tmp_path, files) as (bench, ready):
        assert ready.modes == ("generate_video", "generate_video.first")
        first = GenerateVideo.model_validate(film(first=name(files.pictures[0])))
        check_film(await bench.make(first, "a"), 9, 8)
        check_film(await bench.make(GenerateVideo.model_validate(film()), "b"), 9, 8)


async def test_a_film_between_two_pictures(weights: Path, files: Files, tmp_path: Path) -> None:
    names = [name(path) for path in files.pictures]
    async with loaded("WanImageToVideoPipeline", weights / "wan_picture", tmp_path, files) as (bench, ready):
        assert ready.modes == ("generate_video.first", "generate_video.first-last")
        check_film(await bench.make(GenerateVideo.model_validate(film(first=names[0])), "a"), 9, 8)
        both = GenerateVideo.model_validate(film(first=names[0], last=names[1]))
        check_film(await bench.make(both, "b"), 9, 8)


async def test_a_film_along_the_edges_of_another_and_one_to_a_last_picture(
    weights: Path, files: Files, tmp_path: Path
) -> None:
    async with loaded("WanVACEPipeline", weights / "wan_vace", tmp_path, files) as (bench, ready):
        assert "video_to_video.canny" in ready.modes
        canny = VideoToVideo.model_validate(film(video=name(files.film), mode="canny"))
        along, free = await bench.make(canny, "a"), await bench.make(GenerateVideo.model_validate(film()), "b")
        check_film(along, 9, 8)
        assert along.made and free.made and along.made.sha256 != free.made.sha256
        check_film(await bench.make(GenerateVideo.model_validate(film(last=name(files.pictures[0]))), "c"), 9, 8)


def heard(path: Path) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
    with av.open(str(path)) as file:
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE)
        pieces = [one.to_ndarray()[0] for frame in file.decode(audio=0) for one in resampler.resample(frame)]
    return np.concatenate(pieces)


async def test_a_film_to_a_sound_keeps_the_sound(weights: Path, files: Files, tmp_path: Path) -> None:
    async with loaded("LTX2DFRPipeline", weights / "ltx2_sound", tmp_path, files, 1.0) as (bench, ready):
        assert {"sound_to_video", "sound_to_video.image"} <= set(ready.modes)
        make = film(sound=name(files.sound), sound_from_s=0.5)
        alone = await bench.make(SoundToVideo.model_validate(make), "a")
        samples = heard(check_film(alone, 9, 8))
        assert len(samples) / RATE == pytest.approx(9 / 8, abs=0.06)
        given = heard(files.sound)[RATE // 2 :][: len(samples)]
        assert np.corrcoef(samples[4096 : len(given)], given[4096:])[0, 1] > 0.99
        pictured = SoundToVideo.model_validate({**make, "image": name(files.pictures[0])})
        check_film(await bench.make(pictured, "b"), 9, 8)


async def test_a_film_with_a_sound_of_its_own_and_pictures_at_both_ends(
    weights: Path, files: Files, tmp_path: Path
) -> None:
    async with loaded("LTX2Pipeline", weights / "ltx2", tmp_path, files, 1.0) as (bench, ready):
        assert len(ready.modes) == 4
        path = check_film(await bench.make(GenerateVideo.model_validate(film()), "a"), 9, 8)
        assert len(heard(path)) / RATE == pytest.approx(9 / 8, abs=0.06)
        names = [name(path) for path in files.pictures]
        both = GenerateVideo.model_validate(film(first=names[0], last=names[1], last_strength=0.5))
        check_film(await bench.make(both, "b"), 9, 8)
        size = GenerateVideo.model_validate(film(width=48))
        assert (await bench.make(size, "c")).end.reason == "failed"


async def test_music_in_every_format_lasts_as_long_as_asked_for(weights: Path, files: Files, tmp_path: Path) -> None:
    song = GenerateMusic(prompt="slow jazz", lyrics="la la", seconds=3, steps=2)
    async with loaded("AceStepPipeline", weights / "ace_step", tmp_path, files, 1.0) as (bench, _):
        digests = []
        for format, media_type in (("mp3", "audio/mpeg"), ("flac", "audio/flac"), ("wav", "audio/wav")):
            make: Making = song.model_copy(update={"format": format})
            result, again = await bench.make(make, format), await bench.make(make, f"{format}-again")
            samples = heard(done(result, media_type))
            assert len(samples) / RATE == pytest.approx(3, abs=0.1) and samples.std() > 0
            assert result.made and again.made and result.made.sha256 == again.made.sha256
            digests.append(result.made.sha256)
        assert len(set(digests)) == 3


async def test_a_file_that_is_no_picture_is_its_clients_fault(weights: Path, files: Files, tmp_path: Path) -> None:
    make = EditImage(prompt="in the snow", **SIZE, steps=2, images=(name(files.sound),))
    async with loaded("StableDiffusionPipeline", weights / "stable_diffusion", tmp_path, files) as (bench, _):
        end = (await bench.make(make)).end
        assert end.code is ErrorCode.INVALID_REQUEST and "PNG, JPEG or WebP" in end.message
        assert (await bench.make(GenerateImage(prompt="p", **SIZE, steps=1), "b")).end.reason == "done"


def lying(index: dict[str, object]) -> Callable[[Path], None]:
    """Writes an index that says something else."""

    def write(folder: Path) -> None:
        path = folder / "model_index.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | index))

    return write


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda folder: (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"x"), "never loaded"),
        (lambda folder: (folder / "pipeline.py").write_text("raise SystemExit"), "never loaded"),
        (lying({"unet": ["transformers", "pipeline"]}), "no part of StableDiffusionPipeline"),
        (lying({"scheduler": ["diffusers", "DiffusionPipeline"]}), "no part of StableDiffusionPipeline"),
    ],
)
async def test_a_hostile_folder_is_not_loaded(
    harm: Callable[[Path], object], said: str, weights: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "weights"
    shutil.copytree(weights / "stable_diffusion", folder)
    harm(folder)
    bench = Bench(ProcessMediaEngine(spec("StableDiffusionPipeline", folder)), tmp_path)
    _, down = await bench.until(Down)
    assert (down.retry_in_s, down.problem) == (None, "damaged_file") and said in down.message
    await bench.engine.close()


async def test_the_class_comes_from_the_catalog_whatever_the_index_says(
    weights: Path, files: Files, tmp_path: Path
) -> None:
    folder = tmp_path / "weights"
    shutil.copytree(weights / "stable_diffusion", folder)
    lying({"_class_name": "FluxPipeline"})(folder)
    async with loaded("StableDiffusionPipeline", folder, tmp_path, files) as (bench, _):
        check_picture(await bench.make(GenerateImage(prompt="a red fox", **SIZE, steps=2)))
