import json

import pytest

from coordinator.media.arguments import BadCall, read
from coordinator.media.makings import UNREAD, order, placed
from coordinator.media.ready import Ready
from coordinator.request import PictureWish
from tests.coordinator.media.samples import (
    CATALOG,
    EDIT,
    IMAGE,
    LINK,
    MUSIC,
    READY,
    VIDEO,
    call,
    conversation,
    offer,
    spec,
)
from wire.media import EditImage, GenerateImage, GenerateMusic, GenerateVideo, SoundToVideo, VideoToVideo

P = {"prompt": "a lighthouse"}
ONE, TWO, THREE = (f"{number:064x}" for number in (1, 2, 3))


def test_a_picture_with_the_models_own_size_and_steps() -> None:
    made = call("generate_image", P)
    assert made.make == GenerateImage(prompt="a lighthouse", width=1024, height=1024, steps=8)
    assert (made.spec, made.variations, made.seed, made.media, made.kind) == (IMAGE, 1, None, (), "image")


def test_a_size_that_is_not_made_becomes_the_nearest_and_is_told() -> None:
    made = call("generate_image", {**P, "width": 1000, "height": 500, "steps": 80})
    assert isinstance(made.make, GenerateImage)
    assert (made.make.width, made.make.height, made.make.steps) == (992, 496, 50)
    assert made.notes == (
        "z_image_turbo_bf16 makes 992x496 in place of 1000x500",
        "z_image_turbo_bf16 draws in at most 50 steps: so many were taken",
    )


def test_a_width_alone_does_not_count() -> None:
    made = call("generate_image", {**P, "width": 512})
    assert isinstance(made.make, GenerateImage)
    assert made.make.width == 1024
    assert "together only" in made.notes[0]


def test_a_negative_prompt_that_a_model_cannot_use_is_noted() -> None:
    made = call("generate_image", {**P, "negative_prompt": "text"})
    assert made.notes == ("negative_prompt has no effect with z_image_turbo_bf16",)
    assert call("edit_image", {**P, "negative_prompt": "text"}).notes == ()


def test_an_edit_of_the_only_picture() -> None:
    made = call("edit_image", {**P, "number_of_variations": 2, "seed": 5})
    assert isinstance(made.make, EditImage)
    assert made.make.images == (ONE,)
    assert (made.variations, made.seed) == (2, 5)


def test_an_edit_without_a_picture_or_with_too_many_to_guess() -> None:
    with pytest.raises(BadCall, match="this conversation has no picture"):
        call("edit_image", P, conversation("audio"))
    with pytest.raises(BadCall, match="there is media:1, media:2"):
        call("edit_image", P, conversation("image", "image"))


def test_more_pictures_than_a_model_takes_are_left_out() -> None:
    names = [f"media:{number}" for number in range(1, 9)]
    made = call("edit_image", {**P, "reference_image_urls": names}, conversation(*["image"] * 8))
    assert isinstance(made.make, EditImage)
    assert len(made.make.images) == EDIT.limits.images
    assert len(made.notes) == 2


def test_a_picture_that_is_stored_here_gets_its_digest_later() -> None:
    handles = conversation("image")
    made = call("edit_image", {**P, "source_image_url": LINK, "reference_image_urls": ["media:1"]}, handles)
    assert isinstance(made.make, EditImage)
    assert made.make.images == (UNREAD, ONE)
    assert [medium.artefact for medium in made.media] == ["AbCdEfGhIjKlMnOpQrStUv", ""]
    now = placed(made.make, [THREE, ONE])
    assert isinstance(now, EditImage)
    assert now.images == (THREE, ONE)


def test_a_film_has_the_frames_of_its_pipeline() -> None:
    made = call("generate_video", {**P, "duration": 4, "reference_image_url": "media:1"})
    assert isinstance(made.make, GenerateVideo)
    assert (made.make.frames, made.make.fps, made.make.first, made.make.last) == (65, 16, ONE, None)
    longer = call("generate_video", {**P, "duration": 20})
    assert isinstance(longer.make, GenerateVideo)
    assert longer.make.frames == 81
    assert longer.notes == ("wan-small makes at most 81 frames: the film is that long",)


def test_a_film_to_the_only_sound_and_one_of_the_only_film() -> None:
    to_sound = call("sound_to_video", {**P, "audio_start": 1.5})
    assert isinstance(to_sound.make, SoundToVideo)
    assert (to_sound.make.sound, to_sound.make.sound_from_s, to_sound.make.image) == (TWO, 1.5, None)
    film = call("video_to_video", {**P, "reference_video_url": "media:3"})
    assert isinstance(film.make, VideoToVideo)
    assert (film.make.video, film.make.mode) == (THREE, "restyle")
    assert placed(film.make, [ONE]) == film.make.model_copy(update={"video": ONE})


def test_music() -> None:
    made = call("generate_music", {**P, "duration": 500, "timesignature": "3", "output_format": "flac", "bpm": 90.4})
    assert isinstance(made.make, GenerateMusic)
    assert (made.make.seconds, made.make.timesignature, made.make.format, made.make.bpm) == (240, "3", "flac", 90)
    assert made.notes == (f"{MUSIC.id} makes at most 240 seconds: so many were made",)


def test_another_model_makes_it_where_the_one_asked_for_is_not_served() -> None:
    made = call("generate_image", {**P, "model": "flux1-schnell-fp8"})
    assert made.spec == IMAGE
    assert made.notes == ("flux1-schnell-fp8 is not served at the moment: z_image_turbo_bf16 made it",)


def test_the_model_that_was_asked_for_is_the_first() -> None:
    second = spec("flux1-schnell-fp8", "generate_image")
    ready = Ready({**READY.offers, second.id: (offer(second),)})
    arguments = read("sogni_generate_image", '{"prompt": "a", "model": "flux1-schnell-fp8"}')
    assert order(arguments, (*CATALOG, second), ready, conversation()).spec == second
    plain = read("sogni_generate_image", '{"prompt": "a"}')
    assert order(plain, (*CATALOG, second), ready, conversation()).spec == IMAGE


def test_nobody_serves_it_or_nobody_can() -> None:
    with pytest.raises(BadCall, match="no worker serves sogni_generate_image"):
        call("generate_image", P, ready=Ready())
    small = Ready({VIDEO.id: (offer(VIDEO, max_frames=9),)})
    with pytest.raises(BadCall, match="wan-small: it makes at most 9 frames"):
        call("generate_video", P, ready=small)


def test_what_a_client_says_of_every_picture_goes_before_what_its_model_says_of_one() -> None:
    wish = PictureWish(frozenset({"sogni_generate_image"}), "webp", 2, (512, 256), "gpt-image-9")
    arguments = read("sogni_generate_image", json.dumps({**P, "width": 64, "height": 64, "model": "flux2_dev_fp8"}))
    made = order(arguments, CATALOG, READY, conversation(), wish)
    assert isinstance(made.make, GenerateImage)
    assert (made.make.width, made.make.height, made.make.format, made.make.previews) == (512, 256, "webp", 2)
    assert made.notes == (f"gpt-image-9 is not served at the moment: {made.spec.id} made it",)
    plain = order(arguments, CATALOG, READY, conversation(), PictureWish(frozenset({"sogni_generate_image"})))
    assert isinstance(plain.make, GenerateImage)
    assert (plain.make.width, plain.make.height, plain.make.format, plain.make.previews) == (64, 64, "png", 0)
