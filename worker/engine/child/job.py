"""One job in the engine: its tokens, how the next one is chosen, and when the answer is over."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wire.errors import ErrorCode, SupernetError
from worker.bindings.llguidance import Matcher
from worker.engine.child.drafts.guesser import Guesser
from worker.engine.child.drafts.tally import Tally
from worker.engine.child.picture_layout import Layout, misplaced
from worker.engine.child.prefix_wait import Lead
from worker.engine.child.reasoning_budget import ReasoningBudget
from worker.engine.child.sampler import Row, Sampler, logprobs
from worker.engine.port import JobUsage, Source, Submit

MOST_FORCED = 32  # tokens at once, of the 512 that may be on the way to a slow reader before its job is paused


@dataclass(frozen=True, slots=True)
class Drawn:
    """A token of the answer; `top` as (token, logprob), best first."""

    token: int
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()


class Job:
    """A Submit being served. `tokens`: the prompt and the answer so far, with keys where `layout` has pictures.
    `computed`: how many of them the cache holds.

    `limit`: most tokens of the answer, delivered ones included. `age`: its place in the order of arrival. `now` and all
    other times are the clock's seconds. `piece`: the bytes of a token.
    """

    def __init__(
        self, submit: Submit, limit: int, age: int, now: float, piece: Callable[[int], bytes] = lambda _: b""
    ) -> None:
        self.submit = submit
        self.limit = limit
        self.age = age
        self.layout = Layout(submit.pictures)
        self.tokens = self.layout.keyed(submit.prompt)
        self.prompt = np.asarray(self.tokens, np.int32)
        self.tokens += submit.delivered
        self.vectors: NDArray[np.float32] | None = None  # of the picture that is to be read next, once it is encoded
        self.lead: Lead | None = None  # it waits for another job that computes the beginning of its prompt
        self.computed = 0
        self.seq = -1  # in the cache; it has none before `start`
        self.checkpoints_at: tuple[int, ...] = ()  # after so many tokens the state of a hybrid model is saved
        self.cached = 0  # tokens of the prompt that were in the cache at the start
        self.paused = False
        self.suspect = False  # was in a decode that failed: runs alone until it has drawn a token
        self.guesser: Guesser | None = None
        self.guess: tuple[int, ...] = ()  # that is in the decode in flight, behind the tokens
        self.saved: bytes | None = None  # its state before that decode, if it could not go back from there by itself
        self.guess_source: Source = "lookup"
        self.guesses = Tally()
        self.steps = 0  # from which tokens of it came
        self.grammar: Future[Matcher] | None = None
        self.last_token_at: float | None = None  # while the job streams
        self._came_at = self._started_at = self._first_at = self._last_at = now
        self._emitted = 0
        self._matcher: Matcher | None = None
        self._reasoning = ReasoningBudget(submit.reasoning, piece) if submit.reasoning else None
        self._sampler = Sampler(submit.sampling, submit.seed, self.layout.text(submit.prompt))
        self._sampler.accept(submit.delivered)
        if self._reasoning:
            for token in submit.delivered:
                self._reasoning.accept(token)

    @property
    def answered(self) -> int:
        """Tokens of the answer so far, delivered ones included."""
        return len(self.tokens) - len(self.submit.prompt)

    @property
    def backlog(self) -> int:
        """Tokens that the cache does not hold yet; 1 while the job streams."""
        return len(self.tokens) - self.computed

    @property
    def until_cut(self) -> int:
        """Most tokens of the next slice: it ends at a checkpoint, and where a picture begins or ends; 0: at neither."""
        cuts = [at - self.computed for at in self.checkpoints_at if at > self.computed]
        if change := self.layout.until_change(self.computed):
            cuts.append(change)
        return min(cuts, default=0)

    @property
    def room(self) -> int:
        """Tokens that there may come to be, those of the prompt included."""
        return len(self.submit.prompt) + self.limit

    @property
    def most_guesses(self) -> int:
        """Guesses of which each could be followed by a token: none where another model would not see the pictures, and
        none while what is wrong with the job is being found out."""
        return 0 if self.submit.pictures or self.suspect else self.room - len(self.tokens) - 1

    @property
    def finish_reason(self) -> Literal["stop", "length"] | None:
        """Why nothing may follow the tokens so far; None: the answer goes on."""
        if self._matcher and self._matcher.stopped:
            return "stop"
        return "length" if self.answered >= self.limit else None

    def start(self, seq: int, cached: int, now: float) -> None:
        """Run in this sequence, which holds the first `cached` tokens. Raises SupernetError if the grammar is bad."""
        self.seq, self.computed = seq, cached
        self.cached = min(cached, len(self.submit.prompt))
        self._started_at = self._first_at = self._last_at = now
        self._matcher = self.grammar.result() if self.grammar else None

    def rows_to_draw(self, rows: Sequence[Row]) -> Iterator[Row]:
        """Of the rows of logits behind the last token and behind each guess, those that tokens are drawn from: as long
        as the draws are what was guessed. To be asked for the next one when the one before has been drawn from."""
        begin = len(self.tokens)
        yield rows[0]
        while (new := len(self.tokens) - begin) < len(rows) and tuple(self.tokens[begin:]) == self.guess[:new]:
            yield rows[new]

    def draw(self, row: Row, eog: frozenset[int]) -> list[Drawn]:
        """Choose the next token from its row of logits, and those that must follow it, and add them to `tokens`.

        Returns none if the model ended its turn; `eog` are the tokens that do. Where logprobs are asked for it is one
        token at a time, and the same ones: each needs a row of its own to read them from. `row` is overwritten.
        Raises SupernetError if no token can follow.
        """
        wanted = self.submit.sampling.top_logprobs
        raw = row.copy() if wanted is not None else row
        token = self._choose(row, eog)
        if token in eog and not self.submit.ignore_eos:
            return []
        self._add(token)
        if wanted is not None:
            logprob, top = logprobs(raw, token, wanted)
            return [Drawn(token, logprob, tuple(top))]
        drawn = [Drawn(token)]
        while len(drawn) < MOST_FORCED and not self.finish_reason and (forced := self._forced(eog)) is not None:
            self._add(forced)
            drawn.append(Drawn(forced))
        return drawn

    def _add(self, token: int) -> None:
        self.tokens.append(token)
        self._sampler.accept((token,))
        if self._matcher:
            self._matcher.accept(token)
        if self._reasoning:
            self._reasoning.accept(token)

    def _forced(self, eog: frozenset[int]) -> int | None:
        """The next token if the tokens so far leave no choice: a thought is being closed, or the grammar says so."""
        forced = self._reasoning.forced if self._reasoning else None
        if forced is not None and self._reasoning:
            if not self._matcher or self._matcher.allows(forced):
                return forced
            self._reasoning.give_way()
        forced = self._matcher.forced() if self._matcher else None
        return None if forced in eog else forced

    def _choose(self, row: Row, eog: frozenset[int]) -> int:
        if (forced := self._forced(eog)) is not None:
            return forced
        self._sampler.adjust(row)
        allowed = self._matcher.allowed() if self._matcher else None
        if allowed is not None:
            np.copyto(row, -np.inf, where=~allowed)
        if self.submit.ignore_eos:
            row[list(eog)] = -np.inf
        if self._reasoning and self._reasoning.forbidden:
            row[list(self._reasoning.forbidden)] = -np.inf
        token = self._sampler.draw(row, self.answered)
        return self._instead_of_end(token) if token in eog else token

    def _instead_of_end(self, end: int) -> int:
        """Qwen now and then ends its turn in the middle of a thought: then it is the thought that ends there."""
        if self._reasoning and self._reasoning.open:
            return self._reasoning.end
        after = self._matcher.begins_after if self._matcher else None
        return end if after is None else after

    def note_tokens(self, count: int, now: float) -> float:
        """Note that so many tokens came out at once; returns the seconds since those before, 0 for the first."""
        gap = now - self.last_token_at if self.last_token_at is not None else 0.0
        self._first_at = now if not self._emitted else self._first_at
        self._last_at = self.last_token_at = now
        self._emitted += count
        return gap

    def usage(self, now: float) -> JobUsage:
        """The tokens and times of the job until now."""
        started = self._started_at if self.seq >= 0 else now
        first = self._first_at if self._emitted else now
        return JobUsage(
            prompt=len(self.submit.prompt),
            cached=self.cached,
            completion=self._emitted,
            queued_ms=1000 * (started - self._came_at),
            prefill_ms=1000 * (first - started),
            decode_ms=1000 * (self._last_at - first) if self._emitted else 0.0,
            steps=self.steps,
            guesses=self.guesses.guesses,
        )


def refusal(submit: Submit, vocab: int, context: int, image_tokens: int) -> SupernetError | None:
    """Why a model with `vocab` tokens and `context` tokens a job, of which a picture may have `image_tokens`, cannot
    serve this, if so."""
    if not submit.prompt or submit.max_tokens < 1:
        return SupernetError(ErrorCode.INVALID_REQUEST, "a prompt and max_tokens of at least 1 are needed")
    if len(submit.prompt) >= context:
        what = f"the prompt has {len(submit.prompt)} tokens, and {context} have to hold it and the answer"
        return SupernetError(ErrorCode.CONTEXT_LENGTH_EXCEEDED, what)
    reasoning, bias = submit.reasoning, tuple(token for token, _ in submit.sampling.logit_bias)
    named = {"prompt": submit.prompt, "delivered": submit.delivered, "logit_bias": bias}
    if reasoning:
        named["reasoning.close"] = reasoning.close
        if not reasoning.close:
            return SupernetError(ErrorCode.INVALID_REQUEST, "reasoning.close must have a token to close the thought")
    for name, tokens in named.items():
        if tokens and not (0 <= min(tokens) and max(tokens) < vocab):
            return SupernetError(ErrorCode.INVALID_REQUEST, f"{name} has a token outside 0 to {vocab - 1}")
    if fault := misplaced(len(submit.prompt), submit.anchors, submit.pictures, image_tokens):
        return SupernetError(ErrorCode.INVALID_REQUEST, fault)
    return None
