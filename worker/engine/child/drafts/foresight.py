"""Guesses from the model's own prediction head (MTP), and what they cost.

One guess behind the other: each is a decode of the head, of all streams that guess together. So the time for them goes
by the longest guess of a step.
"""

import statistics
from collections import deque
from collections.abc import Callable, Mapping

Predict = Callable[[Mapping[int, int], Mapping[int, int]], Mapping[int, list[int]]]

_LATELY = 9  # steps that count, by their median


class Foresight:
    """`predict`: the next tokens of some streams, by sequence: from the last token of each, and how many there are to
    be. `first_s`: what one decode of the head took before the first step; `clock`: seconds as steps are measured."""

    def __init__(self, predict: Predict, first_s: float, clock: Callable[[], float]) -> None:
        self._predict, self._clock = predict, clock
        self._decode_s = first_s
        self._lately = deque([first_s], _LATELY)
        self._guessed: tuple[int, float] | None = None  # in the step that is under way: decodes, and their seconds

    @property
    def guessed(self) -> bool:
        """Whether it has guessed since the last step that was recorded."""
        return self._guessed is not None

    def cost(self, guesses: int) -> float:
        """Seconds of so many guesses of one stream or of several, measured as `StepCost` measures: as before the first
        step, however much slower all has become since."""
        return guesses * self._decode_s

    def guess(self, last: Mapping[int, int], count: int) -> dict[int, tuple[int, ...]]:
        """So many guesses of each stream behind its last token. A stream that cannot have them is left out."""
        began = self._clock()
        found = self._predict(last, dict.fromkeys(last, count))
        self._guessed = count, self._clock() - began
        return {seq: tuple(guess) for seq, guess in found.items() if len(guess) == count}

    def record(self, usual_s: float, seconds: float) -> None:
        """The passes of the step that is over took `seconds`, and what they usually take is `usual_s`."""
        if self._guessed and seconds > 0:
            decodes, took = self._guessed
            self._lately.append(took / decodes * usual_s / seconds)
            self._decode_s = statistics.median(self._lately)
        self._guessed = None
