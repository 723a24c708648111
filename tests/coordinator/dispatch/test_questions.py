"""What a rested worker is asked is as little as it can be asked, and always something that it offers."""

from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from coordinator.dispatch.questions import FILES, GREY, question
from tests.coordinator.media.making import offer
from wire.chat import ChatRequest
from wire.media import EditImage, GenerateImage, GenerateMusic, GenerateVideo, Making, MediaRequest, files
from wire.offers import ModelOffer


def asked(**fields: Any) -> Making:
    request = question(offered := offer(**fields), 512)
    assert isinstance(request, MediaRequest)
    assert offered.lacks(request.make) is None
    assert set(files(request.make)) <= set(FILES)
    return request.make


def test_a_model_is_asked_for_a_few_tokens_and_no_more_than_its_window_has() -> None:
    model = ModelOffer(id="m", context=100, slots=1)
    for window, tokens in ((512, 8), (3, 3)):
        request = question(model, window)
        assert isinstance(request, ChatRequest) and request.max_tokens == tokens


def test_the_cheapest_that_it_can_is_asked_of_a_pipeline() -> None:
    assert isinstance(asked(), GenerateImage)
    assert isinstance(asked(modes=("generate_video", "edit_image")), EditImage)
    assert isinstance(asked(modes=("generate_video", "generate_music")), GenerateMusic)
    assert isinstance(asked(modes=("generate_video.first",)), GenerateVideo)


@pytest.mark.parametrize(("pixels", "side"), [(2**24, 256), (4096, 64), (100 * 100, 64), (32 * 32, 32), (16 * 16, 16)])
def test_a_picture_is_no_larger_than_it_can_make(pixels: int, side: int) -> None:
    make = asked(modes=("generate_image",), max_pixels=pixels)
    assert isinstance(make, GenerateImage) and (make.width, make.height) == (side, side)


def test_a_film_and_a_piece_are_no_longer() -> None:
    film, music = asked(modes=("generate_video",), max_frames=5), asked(modes=("generate_music",), max_seconds=3)
    assert isinstance(film, GenerateVideo) and film.frames == 5
    assert isinstance(music, GenerateMusic) and music.seconds == 3


def test_who_can_only_make_things_of_sounds_and_films_is_asked_nothing() -> None:
    assert question(offer(modes=("sound_to_video", "video_to_video.canny")), 512) is None
    assert question(offer(modes=("generate_image",), max_pixels=0), 512) is None


def test_the_picture_that_is_sent_is_one() -> None:
    with Image.open(BytesIO(GREY)) as picture:
        picture.load()
        assert (picture.format, picture.size, picture.getextrema()) == ("PNG", (64, 64), (128, 128))
