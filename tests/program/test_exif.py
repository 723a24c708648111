from typing import Any

import pytest

from program.exif import ORIENTATION, orientation


class Picture:
    def __init__(self, exif: Any) -> None:
        self._exif = exif

    def getexif(self) -> Any:
        if isinstance(self._exif, Exception):
            raise self._exif
        return self._exif


@pytest.mark.parametrize("turned", range(1, 9))
def test_the_eight_that_there_are(turned: int) -> None:
    assert orientation(Picture({ORIENTATION: turned})) == turned


@pytest.mark.parametrize("exif", [{}, *({ORIENTATION: odd} for odd in (0, 9, -1, "6", 6.0, None, (6,), b"6"))])
def test_any_other_is_upright(exif: Any) -> None:
    assert orientation(Picture(exif)) == 1


@pytest.mark.parametrize("error", [SyntaxError("x"), KeyError("x"), ZeroDivisionError(), RuntimeError("x")])
def test_a_damaged_one_is_passed_over(error: Exception) -> None:
    assert orientation(Picture(error)) == 1
