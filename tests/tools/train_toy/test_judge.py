"""The judge of the toy: the nearest training picture, by shape and colour."""

import numpy as np

from tools.train_toy.judge import Judge, feature

SIDE = 64


def disc(x: int, y: int, colour: tuple[int, int, int]) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    picture = np.full((SIDE, SIDE, 3), 255, np.uint8)
    rows, columns = np.ogrid[:SIDE, :SIDE]
    picture[(rows - y) ** 2 + (columns - x) ** 2 < 400] = colour
    return picture


KNOWN = np.array(
    [
        [disc(30, 30, (255, 0, 0)), disc(36, 30, (255, 0, 0))],
        [disc(30, 30, (0, 0, 255)), disc(36, 30, (0, 0, 255))],
        [np.zeros((SIDE, SIDE, 3), np.uint8)] * 2,
    ]
)


def test_a_feature_is_the_mean_colour_of_each_cell() -> None:
    half = np.zeros((SIDE, SIDE, 3), np.uint8)
    half[:, : SIDE // 2] = 255
    row = feature(half).reshape(16, 16, 3)
    assert (row[:, :8] == 1).all() and (row[:, 8:] == 0).all()


def test_a_moved_and_paler_thing_is_still_that_thing() -> None:
    judge = Judge(KNOWN)
    assert judge.nearest(disc(33, 32, (220, 40, 40))) == 0
    assert judge.nearest(disc(33, 32, (60, 60, 200))) == 1


def test_noise_is_not_taken_for_a_thing_that_it_lacks() -> None:
    assert Judge(KNOWN).nearest(np.full((SIDE, SIDE, 3), 20, np.uint8)) == 2
