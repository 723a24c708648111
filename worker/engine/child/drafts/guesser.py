"""What one job guesses, how that turned out, and what drafts have cost it."""

from collections.abc import Sequence
from typing import NamedTuple

from worker.engine.child.drafts.acceptance import Acceptance
from worker.engine.child.drafts.lengths import Prospect
from worker.engine.child.drafts.lookup import AGREED, NOTHING, Guess, Lookup, came_true
from worker.engine.port import Source

MOST = 63  # guesses of one job in a step
# A job may be so many tokens behind where it would be without anybody's drafts. What it gains pays that back, and so
# does time: a token for as many steps without drafts, so that they are tried again now and then.
MOST_BEHIND = 16.0
MOST_AHEAD = 64.0
FORGIVEN = 1 / 64
_WEIGHT, _MEMORY = 2.0, 128.0  # of a job's own acceptance
_USUAL_WEIGHT, _USUAL_MEMORY = 8.0, 1000.0  # of that of all jobs
# Of the guesses of a prediction head, before any was tried: Qwen3.6-35B-A3B's come true in 60 to 84 % (llama.cpp,
# PR 22673).
_FORESEEN = 0.7


class Usual(NamedTuple):
    """How often guesses of all jobs come true: of those from the text by how many tokens agree, of which at first one
    in so many does not, and of those of the model's head."""

    copied: dict[int, Acceptance]
    foreseen: Acceptance


def usual_rates() -> Usual:
    copied = {agreed: Acceptance(1 - 1 / agreed, _USUAL_WEIGHT, _USUAL_MEMORY) for agreed in AGREED}
    return Usual(copied, Acceptance(_FORESEEN, _USUAL_WEIGHT, _USUAL_MEMORY))


class Guesser:
    """The guesses of one job, of up to `room` tokens. `look` once for each step, and `take` what goes into it.

    `source`: where the last guess that was looked for comes from.
    """

    def __init__(self, usual: Usual, room: int) -> None:
        self._usual, self._lookup = usual, Lookup(room)
        self._own = Usual(
            {agreed: Acceptance(rate, _WEIGHT, _MEMORY) for agreed, rate in usual.copied.items()},
            Acceptance(usual.foreseen, _WEIGHT, _MEMORY),
        )
        self.source: Source = "lookup"
        self._guess, self._at, self._taken, self._price = NOTHING, 0, 0, 0.0
        self.behind = 0.0  # tokens, where it would be without drafts

    def look(self, tokens: Sequence[int], most: int, most_foreseen: int = 0) -> Prospect:
        """See how the guess before turned out, and make the next, of so many tokens at most. Where there may be none
        the text is not read: with pictures in it, it is no text. The model's head may be asked for `most_foreseen`: it
        is to guess where the text has nothing that comes true as often."""
        self._learn(tokens)
        most = max(0, min(most, MOST))
        self._guess = self._lookup.guess(tokens, most) if most else NOTHING
        self._at, self._taken = len(tokens), 0
        self._price = 1.0
        copied = Prospect(len(self._guess.tokens), self._own.copied[self._guess.agreed].rate)
        rate = self._own.foreseen.rate
        foreseen = min(most, most_foreseen)
        if foreseen and (not copied.guesses or copied.rate < rate):
            self.source, self._guess = "mtp", NOTHING
            return Prospect(foreseen, rate, foreseen=True)
        self.source = "lookup"
        return copied

    def foresee(self, guesses: tuple[int, ...]) -> None:
        """These are what the model's head guesses."""
        self._guess = Guess(guesses)

    def take(self, count: int, price: float) -> tuple[int, ...]:
        """The first so many guesses. The step that they go into takes as long as `price` without anybody's."""
        self._taken, self._price = count, price
        return self._guess.tokens[:count]

    def _learn(self, tokens: Sequence[int]) -> None:
        guess, came = self._guess.tokens, tokens[self._at :]
        if not came or not self._at:
            return
        right = came_true(guess, came)
        if guess:
            tried = max(1, self._taken)  # the first is judged though nothing was computed for it
            for rate in (self._own, self._usual):
                kind = rate.copied[self._guess.agreed] if self.source == "lookup" else rate.foreseen
                kind.record(min(right, tried), tried)
        gained = min(right, self._taken) + 1 - self._price
        self.behind = max(self.behind - gained, -MOST_AHEAD)
        if self._price == 1.0 and self.behind > 0:
            self.behind -= FORGIVEN
