"""What guesses ahead gain on this machine: loads with guesses and without, side by side. Pure."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

Load = Literal["copying", "prose"]


class Pace(BaseModel):
    """Tokens a second of so many streams together, and what they guessed ahead."""

    model_config = ConfigDict(frozen=True)

    load: Load
    streams: int
    decode_tps: float
    drafted: int = 0
    accepted: int = 0


class Gain(BaseModel):
    """One load with guesses ahead, and without."""

    model_config = ConfigDict(frozen=True)

    guessing: Pace
    without_tps: float


def gains(guessing: Sequence[Pace], without: Sequence[Pace]) -> tuple[Gain, ...]:
    """Side by side what was measured on the same loads."""
    return tuple(Gain(guessing=one, without_tps=no.decode_tps) for one, no in zip(guessing, without, strict=True))
