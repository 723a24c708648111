"""A hundred and more pictures, and what must come of each."""

from functools import cache

from tools.hostile.pictures import odd, refused
from tools.hostile.pictures.case import Case


@cache
def cases() -> tuple[Case, ...]:
    found = (
        *odd.formats(),
        *odd.modes(),
        *odd.turns(),
        *odd.beside(),
        *odd.sizes(),
        *refused.bombs(),
        *refused.tedious(),
        *refused.shapes(),
        *refused.cut(),
        *refused.others(),
    )
    assert len({case.name for case in found}) == len(found) >= 100
    return found
