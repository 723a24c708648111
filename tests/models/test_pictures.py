"""The drawn pictures are what their scenes say, and those for tests are none that training can show."""

from random import Random

import numpy as np
import pytest

from tools.tiny_models.pictures import COLOURS, CONTRAST, SHAPES, SHIFT, blank, draw, kept, mask, scene
from wire.pictures import LEAST_TOKENS, LOW_TOKENS, PATCH, grid


def test_the_same_seed_draws_the_same_picture() -> None:
    assert draw(scene(Random(5))).tobytes() == draw(scene(Random(5))).tobytes()
    assert draw(scene(Random(5))).tobytes() != draw(scene(Random(6))).tobytes()


def test_every_colour_and_every_shape_is_shown() -> None:
    rng = Random(1)
    names = {scene(rng).name for _ in range(1500)}
    assert len(names) == len(COLOURS) * len(SHAPES)
    assert "an orange cross" in names


def test_a_picture_for_tests_differs_from_all_of_training_in_size_place_and_background() -> None:
    rng = Random(2)
    for one in (scene(rng, test=True) for _ in range(50)):
        assert kept(one) == 3
        assert one.width % PATCH and one.height % PATCH
    for one in (scene(rng) for _ in range(200)):
        assert kept(one) == 0
        assert one.width % PATCH == one.height % PATCH == 0


def test_a_picture_is_64_to_256_tokens() -> None:
    rng = Random(3)
    for one in [*(scene(rng) for _ in range(100)), *(scene(rng, test=True) for _ in range(50))]:
        columns, rows = grid(one.width, one.height, LOW_TOKENS)
        assert LEAST_TOKENS <= columns * rows <= LOW_TOKENS


@pytest.mark.parametrize("seed", range(8))
def test_the_shape_has_its_colour_and_stands_out(seed: int) -> None:
    one = scene(Random(seed), test=True)
    pixels = np.asarray(draw(one), np.float64)
    inside = np.asarray(mask(one).resize(draw(one).size)) == 255
    colour = pixels[inside].mean(0)
    assert np.abs(colour - COLOURS[one.colour]).max() <= SHIFT + 3
    assert np.linalg.norm(colour - pixels[~inside].mean(0)) > CONTRAST / 2


def test_a_blank_picture_has_the_background_and_nothing_else() -> None:
    one = scene(Random(4))
    nothing = draw(blank(one))
    assert nothing.size == (one.width, one.height)
    assert not np.asarray(mask(blank(one))).any()
