"""Sizes and lengths: what is possible is taken, what is not is answered with what is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.media.shape import film_frames, length_problem, nearest_size, side_step, size_like, size_problem
from wire.media_catalog import MediaDefaults, MediaLimits, MediaSpec

SPEC = MediaSpec(
    id="film",
    name="Film",
    tools=("generate_video",),
    pipeline="LTX2Pipeline",
    repository="a/b",
    defaults=MediaDefaults(width=704, height=480, steps=8, fps=24, seconds=5),
    limits=MediaLimits(pixels=1280 * 736, multiple_of=32, frames=121, frames_step=8),
    price=1,
    licence="MIT",
)


@pytest.mark.parametrize("size", [(704, 480), (1280, 736), (32, 32)])
def test_a_size_that_it_makes(size: tuple[int, int]) -> None:
    assert size_problem(SPEC, *size) is None and nearest_size(SPEC, *size) == size


@pytest.mark.parametrize(
    ("size", "words", "nearest"),
    [
        ((1280, 720), "a multiple of 32", "1280x704"),
        ((1920, 1088), "at most 942,080 pixels, and this is 2,088,960", "1280x736"),
        ((8192, 32), "at most 4096 pixels", "4096x32"),
        ((0, 0), "a multiple of 32", "32x32"),
    ],
)
def test_a_size_that_it_does_not_make_is_answered_with_the_nearest(
    size: tuple[int, int], words: str, nearest: str
) -> None:
    problem = size_problem(SPEC, *size)
    assert problem is not None and words in problem and problem.endswith(f"Nearest: {nearest}")


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_the_nearest_size_is_one_that_it_makes(width: int, height: int) -> None:
    assert size_problem(SPEC, *nearest_size(SPEC, width, height)) is None


def test_a_step_that_the_largest_side_is_no_multiple_of() -> None:
    odd = SPEC.model_copy(update={"limits": SPEC.limits.model_copy(update={"multiple_of": 48, "pixels": 4096 * 4096})})
    for size in ((4096, 48), (9999, 48), (4090, 4090)):
        assert size_problem(odd, *nearest_size(odd, *size)) is None


def test_the_sides_of_a_pipeline_without_a_step_of_its_own_are_those_of_the_wire() -> None:
    free = SPEC.model_copy(update={"limits": SPEC.limits.model_copy(update={"multiple_of": 8})})
    assert side_step(free) == 16


@pytest.mark.parametrize(
    ("seconds", "fps", "frames"), [(5, 24, 121), (4, 24, 97), (1, 24, 25), (0, 24, 9), (0.5, 16, 9)]
)
def test_a_film_has_a_multiple_of_the_step_and_one_frame_more(seconds: float, fps: int, frames: int) -> None:
    assert film_frames(SPEC, seconds, fps) == frames


def test_a_film_that_is_too_long_is_answered_with_the_longest() -> None:
    assert length_problem(SPEC, 5, 24) is None
    assert length_problem(SPEC, 8, 24) == "'film' makes at most 121 frames, which are 5.04 s at 24 a second"


@pytest.mark.parametrize(
    ("given", "made"), [((4032, 3024), (672, 512)), ((100, 200), (416, 832)), ((704, 480), (704, 480))]
)
def test_what_is_made_from_a_picture_has_its_proportions_and_the_pipelines_own_number_of_pixels(
    given: tuple[int, int], made: tuple[int, int]
) -> None:
    assert size_like(SPEC, *given) == made
