"""Which files become which arguments."""

from pathlib import Path

import numpy as np
import pytest

from tests.worker.media_engine.bench import name, spec
from wire.media import EditImage, GenerateImage, GenerateVideo, Making, MediaOffer, SoundToVideo, VideoToVideo
from wire.media_catalog import Pipeline
from worker.media_engine.child.inputs import FILLED, GREY, KEPT, OF_FILM_HZ, Inputs, read
from worker.media_engine.child.recipes import recipe
from worker.media_engine.modes import modes
from worker.media_files.decode import UnreadableError
from worker.media_files.encode import Sound, write_film, write_picture, write_sound

FILM = {"prompt": "the sea", "width": 64, "height": 32, "frames": 5, "fps": 5, "steps": 2}


class Files:
    def __init__(self, folder: Path) -> None:
        self.red, self.blue = folder / "red.png", folder / "blue.png"
        write_picture(self.red, np.full((48, 80, 3), (255, 0, 0), np.uint8), "png")
        write_picture(self.blue, np.full((50, 50, 3), (0, 0, 255), np.uint8), "png")
        tone = Sound(np.full((2, 16_000), 0.25, np.float32), 8_000)
        self.sound, self.film = folder / "s.wav", folder / "f.mp4"
        write_sound(self.sound, tone, "wav")
        frames = [np.zeros((48, 64, 3), np.uint8) for _ in range(10)]
        for frame in frames:
            frame[10:30, 10:40] = 255
        write_film(self.film, frames, 5, tone)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def taken(pipeline: Pipeline, make: Making, files: Files) -> Inputs:
    model = spec(pipeline, Path("/"), guidance=1.0).model
    offer = MediaOffer(id="m", modes=modes(model), max_pixels=256 * 256, max_frames=33, max_images=6)
    paths = {name(path): path for path in (files.red, files.blue, files.sound, files.film)}
    return read(make, recipe(make, model, offer), paths, 16_000)


def test_a_text_needs_none(files: Files) -> None:
    assert taken("ZImagePipeline", GenerateImage(prompt="p", width=64, height=64, steps=2), files) == Inputs()


def test_pictures_to_edit_come_in_their_order(files: Files) -> None:
    edit = EditImage(prompt="p", width=64, height=32, steps=4, images=(name(files.blue), name(files.red)))
    several = taken("QwenImageEditPlusPipeline", edit, files).arguments["image"]
    assert [one.size for one in several] == [(50, 50), (80, 48)]
    one = edit.model_copy(update={"images": (name(files.red),)})
    assert taken("StableDiffusionPipeline", one, files).arguments["image"].size == (64, 32)


def test_the_ends_of_a_film(files: Files) -> None:
    red, blue = name(files.red), name(files.blue)
    both = GenerateVideo.model_validate({**FILM, "first": red, "last": blue, "last_strength": 0.5})
    wan = taken("WanImageToVideoPipeline", both, files).arguments
    assert wan["image"].getpixel((0, 0)) == (255, 0, 0) and wan["last_image"].getpixel((0, 0)) == (0, 0, 255)
    ltx = taken("LTX2Pipeline", both, files).conditions
    assert [(one.frame, one.strength) for one in ltx] == [(0, 1.0), (-1, 0.5)]
    last = GenerateVideo.model_validate({**FILM, "last": blue})
    vace = taken("WanVACEPipeline", last, files).arguments
    assert [frame.getpixel((0, 0)) for frame in vace["video"]] == [(GREY,) * 3] * 4 + [(0, 0, 255)]
    assert [mask.getpixel((0, 0))[0] for mask in vace["mask"]] == [FILLED] * 4 + [KEPT]


def test_a_sound_is_heard_at_the_pipelines_rate_and_kept_at_that_of_films(files: Files) -> None:
    make = SoundToVideo.model_validate({**FILM, "sound": name(files.sound), "image": name(files.red)})
    found = taken("LTX2DFRPipeline", make, files)
    assert found.heard and found.heard.samples.shape == (2, 16_000) and found.heard.rate == 16_000
    assert found.sound and found.sound.samples.shape == (2, OF_FILM_HZ)
    assert [one.frame for one in found.conditions] == [0]


def test_a_film_comes_as_it_is_or_as_its_edges_and_keeps_its_sound(files: Files) -> None:
    restyle = VideoToVideo.model_validate({**FILM, "video": name(files.film), "mode": "restyle"})
    plain = taken("WanPipeline", restyle, files)
    assert [frame.size for frame in plain.arguments["video"]] == [(64, 32)] * 5 and plain.sound
    canny = restyle.model_copy(update={"mode": "canny", "image": name(files.red)})
    lines = taken("WanVACEPipeline", canny, files).arguments
    white = np.asarray(lines["video"][0]) == 255
    assert 0 < white.mean() < 0.2
    assert [one.size for one in lines["reference_images"]] == [(64, 32)]


def test_a_file_of_another_kind_is_told(files: Files) -> None:
    edit = EditImage(prompt="p", width=64, height=32, steps=4, images=(name(files.sound),))
    with pytest.raises(UnreadableError, match="picture"):
        taken("QwenImageEditPlusPipeline", edit, files)
