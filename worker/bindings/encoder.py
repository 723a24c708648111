"""What the engine asks of the eyes of a model; `mtmd` has the real ones. A model without eyes never loads libmtmd."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from wire.errors import ErrorCode, SupernetError


class Encoded(NamedTuple):
    """What the model reads for a picture: a vector a row, line by line, `columns` of them in a line."""

    vectors: NDArray[np.float32]
    columns: int


class Stopped(Exception):
    """An encode was given up half way, as it was asked to."""


class Encoder(Protocol):
    """Makes pictures into vectors, in one thread at a time, which need not be the model's."""

    def encode(self, width: int, height: int, rgb: bytes, go_on: Callable[[], bool]) -> Encoded:
        """The vectors of a picture of `width` x `height` pixels, three bytes each.

        `go_on` is asked behind each layer, may wait, and ends the encode with False: that raises Stopped. A picture
        that cannot be encoded raises SupernetError(ENGINE_ERROR).
        """
        ...


def failed(why: str) -> SupernetError:
    return SupernetError(ErrorCode.ENGINE_ERROR, f"a picture could not be encoded: {why}")
