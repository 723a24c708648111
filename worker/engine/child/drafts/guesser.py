"""What one job guesses, how that turned out, and what drafts have cost it."""

from collections.abc import Mapping, Sequence

from worker.engine.child.drafts.acceptance import Acceptance
from worker.engine.child.drafts.lengths import Prospect
from worker.engine.child.drafts.lookup import AGREED, NOTHING, Lookup, came_true

MOST = 32  # guesses of one job in a step
# A job may be so many tokens behind where it would be without anybody's drafts. What it gains pays that back, and so
# does time: a token for as many steps without drafts, so that they are tried again now and then.
MOST_BEHIND = 16.0
MOST_AHEAD = 64.0
FORGIVEN = 1 / 64
_WEIGHT, _MEMORY = 2.0, 128.0  # of a job's own acceptance
_USUAL_WEIGHT, _USUAL_MEMORY = 8.0, 1000.0  # of that of all jobs


def usual_rates() -> dict[int, Acceptance]:
    """How often guesses of all jobs come true, by how many tokens agree. At first one in so many does not."""
    return {agreed: Acceptance(1 - 1 / agreed, _USUAL_WEIGHT, _USUAL_MEMORY) for agreed in AGREED}


class Guesser:
    """The guesses of one job, of up to `room` tokens. `look` once for each step, and `take` what goes into it."""

    def __init__(self, usual: Mapping[int, Acceptance], room: int) -> None:
        self._usual, self._lookup = usual, Lookup(room)
        self._own = {agreed: Acceptance(rate, _WEIGHT, _MEMORY) for agreed, rate in usual.items()}
        self._guess, self._at, self._taken, self._price = NOTHING, 0, 0, 0.0
        self.behind = 0.0  # tokens, where it would be without drafts

    def look(self, tokens: Sequence[int], most: int) -> Prospect:
        """See how the guess before turned out, and make the next, of so many tokens at most. Where there may be none
        the text is not read: with pictures in it, it is no text."""
        self._learn(tokens)
        self._guess = self._lookup.guess(tokens, min(most, MOST)) if most > 0 else NOTHING
        self._at, self._taken = len(tokens), 0
        self._price = 1.0
        return Prospect(len(self._guess.tokens), self._own[self._guess.agreed].rate)

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
                rate[self._guess.agreed].record(min(right, tried), tried)
        gained = min(right, self._taken) + 1 - self._price
        self.behind = max(self.behind - gained, -MOST_AHEAD)
        if self._price == 1.0 and self.behind > 0:
            self.behind -= FORGIVEN
