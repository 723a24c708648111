import pytest

from coordinator.media.price import film_seconds, units
from tests.coordinator.media.making import EDIT, FILM, MUSIC, PICTURE, WIDE
from wire.media import GenerateImage, GenerateVideo, Making


def picture(width: int, height: int) -> Making:
    return GenerateImage(prompt="x", width=width, height=height, steps=1)


def film(frames: int, fps: int, side: int = 512) -> Making:
    return GenerateVideo(prompt="x", width=side, height=side, frames=frames, fps=fps, steps=1)


@pytest.mark.parametrize(
    ("make", "sold"),
    [
        (PICTURE.make, 1),
        (WIDE.make, 2),
        (EDIT.make, 1),
        (FILM.make, 3),
        (MUSIC.make, 30),
        (picture(16, 16), 1),
        (picture(1024, 1040), 2),
        (picture(4096, 4096), 16),
        (film(17, 16), 1),
        (film(18, 16), 2),
        (film(1, 16), 1),
        (film(17, 16, side=1040), 2),
        (film(2048, 1), 2047),
    ],
)
def test_a_making_is_sold_by_started_megapixels_and_seconds(make: Making, sold: int) -> None:
    assert units(make) == sold


@pytest.mark.parametrize(("seconds", "fps", "step"), [(5, 24, 8), (5, 16, 4), (1, 8, 8), (20, 24, 8)])
def test_the_frame_that_a_pipeline_adds_is_no_second_more(seconds: int, fps: int, step: int) -> None:
    frames = seconds * fps // step * step + 1
    assert film_seconds(frames, fps) == seconds
