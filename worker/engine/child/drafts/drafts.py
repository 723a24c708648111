"""Which guesses go into a step, for all of its streams together."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from program.fits import MOST_GUESSING
from worker.engine.child.drafts.foresight import Foresight
from worker.engine.child.drafts.guesser import MOST_BEHIND, Guesser, usual_rates
from worker.engine.child.drafts.lengths import Cost, GoingBack, Prospect, even_lengths, lengths
from worker.engine.child.drafts.step_cost import StepCost
from worker.engine.port import Source

RETRY = 256  # steps in which guesses were not worth their rows, after which these are taken to be cheaper than measured
CHEAPER = 0.25
# In a step with more it is hardly ever worth while, and to look for guesses costs 10 us a stream. Where passes are even
# each gap between the sequences of one is a pass more, which nothing here knows of: 16 streams lost a quarter by that.
MOST_STREAMS, MOST_EVEN = 16, MOST_GUESSING
# Times that a step takes without guesses which it may take with them, though it is longer than streams may stand still:
# where a token takes so long already, some more rows hardly show.
AT_LEAST = 4.0


class Stream(Protocol):
    """What has to be known of a job whose answer has begun. `most_guesses`: so many could come true at most; `room`:
    tokens that it may come to have. `guess_source`: where its guesses of this step come from."""

    tokens: list[int]
    guesser: Guesser | None
    guess_source: Source

    @property
    def most_guesses(self) -> int: ...

    @property
    def room(self) -> int: ...


class Drafts:
    """Chooses by what steps cost and how often guesses come true, so that no stream is slower for the guesses.

    `most`: guesses of one step. `going_back`: how a stream's state does, None: it is cut anywhere. `even`: a pass has
    as many rows of one stream as of the others, which it has where states go back. `foresight`: the model has a head
    that guesses, and `even` then. `longest_s`: of a step, about.
    """

    def __init__(
        self,
        most: int,
        going_back: GoingBack | None,
        even: bool,
        costs: StepCost,
        longest_s: float,
        foresight: Foresight | None = None,
    ) -> None:
        self._most, self._going_back, self._costs, self._foresight = most, going_back, costs, foresight
        self._longest_s = longest_s
        self.even = even
        self._usual = usual_rates()
        self._declined = 0

    def choose(self, streams: Mapping[int, Stream]) -> dict[int, tuple[int, ...]]:
        """Guesses by sequence, for the streams that have some in this step, which nothing but streams is in."""
        if len(streams) > (MOST_EVEN if self.even else MOST_STREAMS):
            return {}
        guessers, prospects = [], []
        for stream in streams.values():
            if stream.guesser is None:
                stream.guesser = Guesser(self._usual, stream.room)
            guessers.append(stream.guesser)
            prospects.append(stream.guesser.look(stream.tokens, stream.most_guesses, self._most_foreseen))
            stream.guess_source = stream.guesser.source
        if not any(one.guesses for one in prospects):
            return {}
        longest = max(AT_LEAST, self._longest_s / self._costs.of(len(streams)))
        allowed = min(longest, 1 + MOST_BEHIND - max(one.behind for one in guessers))
        chosen = self._lengths(prospects, allowed)
        price = self._price(prospects, chosen)
        if not any(chosen) or price > allowed:
            self._declined += 1
            return {}
        self._declined = 0
        foreseen = {seq: n for seq, one, n in zip(streams, prospects, chosen, strict=True) if one.foreseen and n}
        if self._foresight and foreseen:
            last = {seq: streams[seq].tokens[-1] for seq in foreseen}
            guesses = self._foresight.guess(last, max(foreseen.values()))
            for seq, guesser in zip(streams, guessers, strict=True):
                if seq in foreseen:
                    guesser.foresee(guesses.get(seq, ()))
        taken = {seq: one.take(count, price) for seq, one, count in zip(streams, guessers, chosen, strict=True)}
        return {seq: guess for seq, guess in taken.items() if guess}

    @property
    def _most_foreseen(self) -> int:
        """Guesses of a stream that are asked of the head: more would hardly come true so often that they pay."""
        return (self._going_back.tokens if self._going_back else self._most) if self._foresight else 0

    def _lengths(self, prospects: Sequence[Prospect], allowed: float) -> list[int]:
        cost = self._cost(len(prospects), allowed)
        if not self.even:
            return lengths(prospects, self._most, cost)
        cheaper = 1.0 if self._declined < RETRY else CHEAPER
        most_s = allowed * self._costs.of(len(prospects))
        return even_lengths(
            prospects, self._most, cost, lambda guesses: cheaper * self._foreseeing(guesses), self._going_back, most_s
        )

    def _foreseeing(self, guesses: int) -> float:
        """Seconds of so many guesses of the model's head."""
        return self._foresight.cost(guesses) if self._foresight else 0.0

    def _price(self, prospects: Sequence[Prospect], chosen: Sequence[int]) -> float:
        """How many times what it takes without guesses a step takes with these."""
        foreseen = max((n for n, one in zip(chosen, prospects, strict=True) if one.foreseen), default=0)
        seconds = sum(self._costs.of(rows) for rows in self.passes(chosen)) + self._foreseeing(foreseen)
        if self._going_back:
            guessed = zip(prospects, chosen, strict=True)
            seconds += sum(self._going_back.seconds(one.rate, n, self._costs.of) for one, n in guessed)
        return seconds / self._costs.of(len(chosen))

    def _cost(self, streams: int, allowed: float) -> Cost:
        """Seconds of a pass, if the step may take so many times what it takes without guesses."""
        least, cheaper = self._costs.of(streams), 1.0 if self._declined < RETRY else CHEAPER

        def cost(rows: int) -> float:
            seconds = self._costs.of(rows)
            if seconds > allowed * least:
                return float("inf")
            return seconds if rows <= streams else least + cheaper * (seconds - least)

        return cost

    def passes(self, chosen: Sequence[int]) -> list[int]:
        """Rows of each pass of a step with so many guesses of each stream."""
        if not self.even:
            return [len(chosen) + sum(chosen)]
        guessing = [count for count in chosen if count]
        rest = len(chosen) - len(guessing)
        return [rows for rows in (rest, len(guessing) + sum(guessing)) if rows]

    def record(self, passes: Sequence[int], seconds: float) -> None:
        """A step of streams alone took so long, for passes of so many rows."""
        self._costs.record(passes, seconds)
        if self._foresight and self._foresight.guessed:
            self._foresight.record(sum(map(self._costs.of, passes)), seconds)
