"""Bodies of /v1/videos: seconds, sizes and the picture to begin with."""

import json
from typing import Any

import pytest

from coordinator.openai.media.video_request import Film, parse_film
from tests.coordinator.media_catalog import CATALOG, FILMS, READY, png, ready, uri
from tests.coordinator.openai.media.test_images_request import FORM, error, form
from wire.errors import ErrorCode
from wire.media import GenerateVideo


def film(**fields: Any) -> Film:
    return parse_film(READY, json.dumps({"prompt": "waves", **fields}).encode(), CATALOG, {})


def form_film(*parts: tuple[str, str | bytes]) -> Film:
    return parse_film(READY, form(*parts), CATALOG, {"content-type": FORM})


def test_a_prompt_alone() -> None:
    asked = film()
    assert (asked.model, asked.seconds, asked.size, asked.first) == (FILMS, 2, (64, 48), None)
    assert asked.make((64, 48)) == GenerateVideo(prompt="waves", width=64, height=48, frames=17, fps=8, steps=4)


def test_everything_that_can_be_said() -> None:
    asked = film(seconds="4", size="96x64", fps=4, steps=9, seed=3, negative_prompt="blur", model="films", user="u")
    assert asked.seed == 3
    assert asked.make((96, 64), "a" * 64) == GenerateVideo(
        prompt="waves", negative_prompt="blur", width=96, height=64, frames=17, fps=4, steps=9, first="a" * 64
    )


@pytest.mark.parametrize("seconds", [3, "3", 3.0])
def test_seconds_are_a_number_or_the_digits_of_one(seconds: Any) -> None:
    assert film(seconds=seconds).frames == 25


@pytest.mark.parametrize("reference", [uri(png()), {"image_url": uri(png())}])
def test_a_picture_to_begin_with(reference: Any) -> None:
    asked = film(input_reference=reference)
    assert asked.size is None and asked.first is not None and asked.first.file == png()


def test_a_form_with_a_picture() -> None:
    asked = form_film(("prompt", "waves"), ("seconds", "2"), ("input_reference", png()))
    assert asked.first is not None and asked.first.file == png() and asked.seconds == 2


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"prompt": None}, "prompt", "Missing required"),
        ({"seconds": "8"}, "seconds", "at most 33 frames, which are 4.12 s at 8 a second"),
        ({"seconds": "0"}, "seconds", "from 1 to 60"),
        ({"seconds": 61}, "seconds", "from 1 to 60"),
        ({"seconds": 4.5}, "seconds", "from 1 to 60"),
        ({"seconds": "-1"}, "seconds", "from 1 to 60"),
        ({"seconds": True}, "seconds", "from 1 to 60"),
        ({"size": "1280x720"}, "size", "Nearest: 144x80"),
        ({"fps": 0}, "fps", "between 1 and 60"),
        ({"n": 2}, "n", "one film a request"),
        ({"stream": True}, "stream", "GET /v1/videos/ID"),
        ({"num_frames": 81}, "num_frames", "use 'seconds'"),
        ({"input_reference": 7}, "input_reference", "expected a string"),
        ({"input_reference": {"file_id": "f"}}, "input_reference.file_id", "POST /v1/media"),
        ({"input_reference": {"image_url": None}}, "input_reference.image_url", "expected a string"),
        ({"camera": "still"}, "camera", "Unknown parameter"),
        ({"model": "draws"}, "model", "Models for this: films."),
    ],
)
def test_what_cannot_be_filmed_is_refused_by_name(fields: dict[str, Any], param: str, words: str) -> None:
    refused = error(film, **fields)
    assert (refused.code, refused.param) == (ErrorCode.INVALID_REQUEST, param)
    assert words in refused.message


def test_files_of_a_form_that_have_no_meaning_are_refused() -> None:
    assert error(form_film, ("prompt", "x"), ("image", png())).param == "image"
    two = [("input_reference", png())] * 2
    assert "one picture" in error(form_film, ("prompt", "x"), *two).message


def test_without_a_worker_for_the_picture_it_is_said() -> None:
    plain = ready(films=("generate_video",))
    body = json.dumps({"prompt": "x", "input_reference": uri(png())}).encode()
    assert "generate_video.first" in error(parse_film, plain, body, CATALOG, {}).message
