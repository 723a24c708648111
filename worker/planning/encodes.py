"""How long encodes of pictures of one size took. Pure."""

from collections.abc import Sequence
from statistics import median
from typing import Self

from pydantic import BaseModel, ConfigDict


class Encodes(BaseModel):
    """Milliseconds of the encodes of pictures of so many tokens, one after the other with nothing beside them."""

    model_config = ConfigDict(frozen=True)

    tokens: int
    ms: float
    least_ms: float
    most_ms: float

    @classmethod
    def of(cls, tokens: int, times: Sequence[float]) -> Self:
        """Each of `times` is that of one picture."""
        return cls(tokens=tokens, ms=round(median(times), 2), least_ms=min(times), most_ms=max(times))
