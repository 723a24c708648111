"""How many guesses were computed and came true, by where they came from."""

from worker.engine.port import Guessed, Source


class Tally:
    """Counts guesses; `guesses` tells them."""

    def __init__(self) -> None:
        self._counts: dict[Source, tuple[int, int]] = {}

    def add(self, source: Source, drafted: int, accepted: int) -> None:
        """So many guesses more were computed, and so many of them came true."""
        before = self._counts.get(source, (0, 0))
        self._counts[source] = before[0] + drafted, before[1] + accepted

    @property
    def guesses(self) -> tuple[Guessed, ...]:
        """All of them, for each source that made some."""
        return tuple(Guessed(source, *counts) for source, counts in self._counts.items())
