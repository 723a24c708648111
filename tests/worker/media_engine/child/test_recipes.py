"""What a request becomes for each pipeline, and what is refused before anything is computed."""

from pathlib import Path

import pytest

from tests.worker.media_engine.bench import spec
from wire.media import (
    EditImage,
    GenerateImage,
    GenerateMusic,
    GenerateVideo,
    Making,
    MediaOffer,
    SoundToVideo,
    VideoToVideo,
)
from wire.media_catalog import Pipeline
from worker.media_engine.child.recipes import DISTILLED, Recipe, RefusedError, recipe, sigmas
from worker.media_engine.modes import modes

SHA = "0" * 64
PICTURE = {"prompt": "a fox", "width": 64, "height": 96, "steps": 4}
FILM = {**PICTURE, "frames": 9, "fps": 8}


def made(pipeline: Pipeline, make: Making, guidance: float = 3.0, **limits: int) -> Recipe:
    model = spec(pipeline, Path("/"), guidance=guidance, **limits).model
    bounds = model.limits
    offer = MediaOffer(
        id="m",
        modes=modes(model),
        max_pixels=bounds.pixels,
        max_frames=bounds.frames,
        max_seconds=bounds.seconds,
        max_images=bounds.images,
    )
    return recipe(make, model, offer)


def test_a_picture_of_a_text() -> None:
    fox = GenerateImage(**PICTURE, negative_prompt="rain")
    plain = {"prompt": "a fox", "width": 64, "height": 96, "num_inference_steps": 4}
    drawn = made("StableDiffusionPipeline", fox)
    assert drawn.arguments == plain | {"guidance_scale": 3.0, "negative_prompt": "rain"}
    assert (drawn.mode, drawn.pipeline, drawn.steps) == ("generate_image", "StableDiffusionPipeline", 4)
    assert made("ZImagePipeline", fox, guidance=0.0).arguments == plain | {"guidance_scale": 0.0}
    assert made("FluxPipeline", fox).arguments == plain | {"guidance_scale": 3.0}


def test_an_edit() -> None:
    edit = EditImage(**PICTURE, images=(SHA,))
    several = made("QwenImageEditPlusPipeline", edit).arguments
    assert several["true_cfg_scale"] == 3.0 and several["negative_prompt"] == " "
    one = made("StableDiffusionPipeline", edit)
    assert (one.pipeline, one.steps, one.arguments["num_inference_steps"]) == ("StableDiffusionImg2ImgPipeline", 3, 4)


def test_films() -> None:
    wan = made("WanPipeline", GenerateVideo(**FILM, negative_prompt="rain"))
    assert wan.arguments["num_frames"] == 9 and wan.arguments["negative_prompt"] == "rain"
    restyle = made("WanPipeline", VideoToVideo(**FILM, video=SHA, mode="restyle", strength=0.5))
    assert (restyle.pipeline, restyle.steps) == ("WanVideoToVideoPipeline", 2) and "num_frames" not in restyle.arguments
    between = made("LTX2Pipeline", GenerateVideo(**FILM, first=SHA, last=SHA), guidance=1.0)
    assert between.pipeline == "LTX2ConditionPipeline" and between.arguments["frame_rate"] == 8.0
    assert between.arguments["stg_scale"] == 0.0
    heard = made("LTX2DFRPipeline", SoundToVideo(**FILM, sound=SHA)).arguments
    assert heard["freeze_audio"] is True and len(heard["sigmas"]) == 4 and "guidance_scale" not in heard
    assert "freeze_audio" not in made("LTX2DFRPipeline", GenerateVideo(**FILM)).arguments


def test_music() -> None:
    song = GenerateMusic(prompt="jazz", lyrics="la", seconds=3, bpm=90, steps=4)
    found = made("AceStepPipeline", song).arguments
    assert (found["audio_duration"], found["bpm"], found["vocal_language"]) == (3.0, 90, "en")


@pytest.mark.parametrize(
    ("pipeline", "make", "why"),
    [
        ("AceStepPipeline", GenerateImage(**PICTURE), "no generate_image"),
        ("WanPipeline", VideoToVideo(**FILM, video=SHA, mode="pose"), "no video_to_video.pose"),
        ("ZImagePipeline", GenerateImage(**{**PICTURE, "width": 2048}), "pixels"),
        ("ZImagePipeline", GenerateImage(**{**PICTURE, "steps": 21}), "at most 20 steps"),
        ("LTX2Pipeline", GenerateVideo(**{**FILM, "width": 48}), "multiples of 32"),
        ("LTX2Pipeline", GenerateVideo(**{**FILM, "frames": 10}), "a multiple of 8 frames, and one"),
        ("LTX2Pipeline", GenerateVideo(**{**FILM, "frames": 41}), "at most 33 frames"),
        ("AceStepPipeline", GenerateMusic(prompt="p", seconds=11, steps=2), "10 seconds"),
        ("StableDiffusionPipeline", EditImage(**PICTURE, images=(SHA, SHA)), "one picture at a time"),
        ("WanPipeline", VideoToVideo(**FILM, video=SHA, mode="restyle", strength=0.1), "change nothing"),
    ],
)
def test_what_it_cannot_do_is_refused_with_the_reason(pipeline: Pipeline, make: Making, why: str) -> None:
    limits = {"multiple_of": 32, "frames_step": 8} if pipeline == "LTX2Pipeline" else {}
    with pytest.raises(RefusedError, match=why):
        made(pipeline, make, **limits)


def test_the_noise_of_a_distilled_model_is_stretched_to_the_steps() -> None:
    assert sigmas(8) == list(DISTILLED)
    for steps in (1, 2, 5, 20):
        found = sigmas(steps)
        assert len(found) == steps and found[0] == 1.0 and found == sorted(found, reverse=True)
    assert sigmas(2)[-1] == DISTILLED[-1]
