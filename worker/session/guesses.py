"""What the engine guessed ahead, as the coordinator is told of it."""

from collections.abc import Iterable

from wire.guesses import Guesses
from worker.engine.port import Guessed


def guesses(found: Iterable[Guessed]) -> tuple[Guesses, ...]:
    """The same counts in a frame's words."""
    return tuple(Guesses(source=one.source, drafted=one.drafted, accepted=one.accepted) for one in found)
