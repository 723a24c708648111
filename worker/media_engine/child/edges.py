"""The outlines of a film's frames, which a canny control follows: Canny's method, in numpy.

OpenCV has it too, in 60 MB with decoders of its own; this is the one thing of it that would be used.
J. Canny, "A Computational Approach to Edge Detection", 1986.
"""

from typing import Any

import numpy as np

LOW, HIGH = 100.0, 200.0  # of the gradient: above HIGH is an edge, above LOW what is joined to one
MOST_ROUNDS = 64  # in which weak edges grow onto strong ones, a pixel a round

Grey = np.ndarray[Any, np.dtype[np.float32]]
_BLUR = np.array([1, 4, 6, 4, 1], np.float32) / 16  # about a Gaussian of sigma 1


def edges(pixels: "np.ndarray[Any, np.dtype[np.uint8]]") -> "np.ndarray[Any, np.dtype[np.uint8]]":
    """White lines on black, of a frame of (height, width, 3)."""
    grey = pixels.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    across, down = _sobel(_blurred(grey))
    size = np.abs(across) + np.abs(down)
    thin = np.where(_is_ridge(size, across, down), size, 0)
    strong, weak = thin > HIGH, thin > LOW
    for _ in range(MOST_ROUNDS):
        grown = _grown(strong) & weak
        if (grown == strong).all():
            break
        strong = grown
    return np.repeat((strong * np.uint8(255))[..., None], 3, axis=2)


def _blurred(grey: Grey) -> Grey:
    padded = np.pad(grey, 2, mode="edge")
    rows = sum(weight * padded[at : at + grey.shape[0]] for at, weight in enumerate(_BLUR))
    blurred: Grey = sum(weight * rows[:, at : at + grey.shape[1]] for at, weight in enumerate(_BLUR))
    return blurred


def _sobel(grey: Grey) -> tuple[Grey, Grey]:
    """The gradient from left to right, and from top to bottom."""
    near = np.pad(grey, 1, mode="edge")
    smooth_rows = near[:-2] + 2 * near[1:-1] + near[2:]
    smooth_columns = near[:, :-2] + 2 * near[:, 1:-1] + near[:, 2:]
    return smooth_rows[:, 2:] - smooth_rows[:, :-2], smooth_columns[2:] - smooth_columns[:-2]


def _is_ridge(size: Grey, across: Grey, down: Grey) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Whether a pixel is the steepest on the line of its gradient, of which four directions are told apart."""
    turn = (np.rad2deg(np.arctan2(down, across)) + 22.5) % 180 // 45
    near = np.pad(size, 1)
    height, width = size.shape
    ridge = np.zeros(size.shape, bool)
    for direction, (y, x) in enumerate([(0, 1), (1, 1), (1, 0), (1, -1)]):
        ahead = near[1 + y : 1 + y + height, 1 + x : 1 + x + width]
        behind = near[1 - y : 1 - y + height, 1 - x : 1 - x + width]
        ridge |= (turn == direction) & (size >= ahead) & (size > behind)
    return ridge


def _grown(mask: "np.ndarray[Any, np.dtype[np.bool_]]") -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """The mask and all its neighbours."""
    padded = np.pad(mask, 1)
    height, width = mask.shape
    grown = np.zeros(mask.shape, bool)
    for y in range(3):
        for x in range(3):
            grown |= padded[y : y + height, x : x + width]
    return grown
