"""What a worker says of the tokens that it guessed ahead, to be shown: nothing is decided or charged by it."""

from typing import Annotated

from pydantic import Field

from wire.scalars import Count, Frozen, Id


class Guesses(Frozen):
    """Guesses from one source, `lookup` (the text itself) or `mtp` (a head of the model): so many were computed, and so
    many of them came true. What did not is no token of any answer."""

    source: Id
    drafted: Count = 0
    accepted: Count = 0


SomeGuesses = Annotated[tuple[Guesses, ...], Field(max_length=8, fail_fast=True)]
