"""Is it the thing that was asked for? The nearest of all training pictures must be one of that thing."""

import numpy as np
from numpy.typing import NDArray

from tools.train_toy.pictures import Pixels

GRID = 16  # cells a side: shape and colour, not single pixels


def feature(picture: Pixels) -> NDArray[np.float64]:
    """Mean colours of 16 x 16 cells, 0 to 1."""
    cell = picture.shape[0] // GRID
    return picture.reshape(GRID, cell, GRID, cell, 3).mean((1, 3)).ravel() / 255


class Judge:
    """Knows every training picture. `known`: (things, variants, side, side, 3)."""

    def __init__(self, known: Pixels) -> None:
        self.rows = np.array([[feature(picture) for picture in variants] for variants in known])

    def nearest(self, picture: Pixels) -> int:
        """Index of the thing of which one variant is nearest in the mean square of the features."""
        distance = ((self.rows - feature(picture)) ** 2).mean(-1)
        return int(distance.min(1).argmin())
