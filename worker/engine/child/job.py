"""One job in the engine: its tokens, how the next one is chosen, and when the answer is over."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal

import numpy as np

from wire.errors import ErrorCode, SupernetError
from worker.bindings.llguidance import Matcher
from worker.engine.child.prefix_wait import Lead
from worker.engine.child.sampler import Row, Sampler, logprobs
from worker.engine.port import JobUsage, ReasoningLimit, Submit

_OBJECT, _NAMED = b"{", b'{"name":"'  # of an object whose name does not come first it cannot be told whom it calls
MOST_FORCED = 32  # tokens at once, of the 512 that may be on the way to a slow reader before its job is paused


@dataclass(frozen=True, slots=True)
class Drawn:
    """A token of the answer; `top` as (token, logprob), best first."""

    token: int
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()


class Thought:
    """Counts the tokens of a thought and closes it by force when they are too many. See `ReasoningLimit`."""

    def __init__(self, limit: ReasoningLimit, piece: Callable[[int], bytes] = lambda _: b"") -> None:
        self._limit = limit
        self._piece = piece
        self._calls = tuple(_dense(call.encode()) for call in limit.calls)
        self._head: bytes | None = None  # what stands behind a `call` of which is not known yet whether it is one
        self.end = limit.end
        self.inside = limit.opened
        self._blanks = frozenset(limit.close) - {limit.end}
        self._may_open = limit.budget is not None  # and no text since the answer began or the last thought ended
        self._ended = False  # a thought has, with its tag
        self._ends = (limit.end, limit.call)
        self._spent = 0
        self.barred: tuple[int, ...] = ()  # tokens that must not be drawn
        if limit.budget is None:
            self._bar()
        self._closing: int | None = None  # index into limit.close of the next forced token
        self._judge()

    @property
    def lasts(self) -> bool:
        """The thought is not over, so an end of turn here would leave an answer without a word."""
        return self.inside or self._head is not None

    @property
    def forced(self) -> int | None:
        return None if self._closing is None else self._limit.close[self._closing]

    def saw(self, token: int) -> None:
        if token != self.forced:
            self.put_off()
        if self._head is not None:
            self._read_on(token)
        if self._closing is not None:
            if token == self._limit.end:
                self._bar()
            self._closing += 1
            if self._closing == len(self._limit.close):
                self._leave()
        elif self.inside:
            self.inside = token not in self._ends
            self._may_open = self._ended = token == self._limit.end
            self._spent += self.inside
            if token == self._limit.call and self._calls:
                self._head = b""
        else:
            self.inside = self._may_open and token == self._limit.open
            self._may_open &= token in self._blanks
            if self._ended and not self.inside and not self._may_open:
                self._bar()
        self._judge()

    def _read_on(self, token: int) -> None:
        """Where no declared tool is called the thought goes on, as it does for who reads the answer (`chat.answer`)."""
        head = _dense((self._head or b"") + self._piece(token))
        if any(head.startswith(call) for call in self._calls):
            self._head = None
        elif any(call.startswith(head) for call in self._calls):
            self._head = head
            self._spent += 1
        else:
            self._head, self.inside = None, head.startswith(_NAMED) or not head.startswith(_OBJECT)

    def put_off(self) -> None:
        """What is to be forced has no place here: in the middle of a character the thought is closed behind it, and
        behind `</think>` the rest is left out."""
        if self._closing is not None and self._limit.end not in self._limit.close[self._closing :]:
            self._leave()
        self._closing = None

    def _bar(self) -> None:
        self.barred = (self._limit.open, self._limit.end)

    def _leave(self) -> None:
        self._closing, self.inside = None, False

    def _judge(self) -> None:
        budget = self._limit.budget
        if self.inside and self._closing is None and budget is not None and self._spent >= budget:
            self._closing = 0


def _dense(text: bytes) -> bytes:
    return b"".join(text.split())


class Job:
    """A Submit being served. `tokens` are the prompt and the answer so far, the first `fed` of which the cache holds.

    `limit`: most tokens of the answer, delivered ones included. Times are the clock's seconds.
    """

    def __init__(
        self, submit: Submit, limit: int, age: int, now: float, piece: Callable[[int], bytes] = lambda _: b""
    ) -> None:
        self.submit = submit
        self.limit = limit
        self.age = age
        self.tokens = [*submit.prompt, *submit.delivered]
        self.prompt = np.asarray(submit.prompt, np.int32)
        self.lead: Lead | None = None  # it waits for another job that computes the beginning of its prompt
        self.fed = 0
        self.seq = -1
        self.cuts: tuple[int, ...] = ()
        self.cached = 0
        self.paused = False
        self.suspect = False  # was in a decode that failed: runs alone until it has drawn a token
        self.grammar: Future[Matcher] | None = None
        self.beat: float | None = None  # when the last token came, while the job streams
        self._came = self._started = self._first = self._last = now
        self._emitted = 0
        self._matcher: Matcher | None = None
        self._thought = Thought(submit.reasoning, piece) if submit.reasoning else None
        self._sampler = Sampler(submit.sampling, submit.seed, submit.prompt)
        self._sampler.saw(submit.delivered)
        if self._thought:
            for token in submit.delivered:
                self._thought.saw(token)

    @property
    def answered(self) -> int:
        return len(self.tokens) - len(self.submit.prompt)

    @property
    def backlog(self) -> int:
        return len(self.tokens) - self.fed

    @property
    def until_cut(self) -> int:
        return next((cut - self.fed for cut in self.cuts if cut > self.fed), 0)

    @property
    def over(self) -> Literal["stop", "length"] | None:
        """Why nothing may follow the tokens so far, if so."""
        if self._matcher and self._matcher.stopped:
            return "stop"
        return "length" if self.answered >= self.limit else None

    def start(self, seq: int, cached: int, now: float) -> None:
        """It has a sequence, which holds its first `cached` tokens. Raises SupernetError if its grammar is no good."""
        self.seq, self.fed = seq, cached
        self.cached = min(cached, len(self.submit.prompt))
        self._started = self._first = self._last = now
        self._matcher = self.grammar.result() if self.grammar else None

    def draw(self, row: Row, eog: frozenset[int]) -> list[Drawn]:
        """Choose the next token, and those that must follow it, and add them; none: the model ended its turn.

        `row` is used up. Raises SupernetError if no token can follow. Who asked for logprobs gets one token at a time,
        and the same ones: every token has a row of its own to tell them from.
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
        while len(drawn) < MOST_FORCED and not self.over and (forced := self._forced(eog)) is not None:
            self._add(forced)
            drawn.append(Drawn(forced))
        return drawn

    def _add(self, token: int) -> None:
        self.tokens.append(token)
        self._sampler.saw((token,))
        if self._matcher:
            self._matcher.saw(token)
        if self._thought:
            self._thought.saw(token)

    def _forced(self, eog: frozenset[int]) -> int | None:
        """The next token if the tokens so far leave no choice: a thought is being closed, or the grammar says so."""
        forced = self._thought.forced if self._thought else None
        if forced is not None and self._thought:
            if not self._matcher or self._matcher.accepts(forced):
                return forced
            self._thought.put_off()
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
        if self._thought and self._thought.barred:
            row[list(self._thought.barred)] = -np.inf
        token = self._sampler.draw(row, self.answered)
        return self._instead_of_end(token) if token in eog else token

    def _instead_of_end(self, end: int) -> int:
        """Qwen now and then ends its turn in the middle of a thought: then it is the thought that ends there."""
        if self._thought and self._thought.lasts:
            return self._thought.end
        after = self._matcher.waits_for if self._matcher else None
        return end if after is None else after

    def came_out(self, now: float) -> float:
        """A token was drawn: seconds since the one before, 0 for the first."""
        gap = now - self.beat if self.beat is not None else 0.0
        self._first = now if not self._emitted else self._first
        self._last = self.beat = now
        self._emitted += 1
        return gap

    def usage(self, now: float) -> JobUsage:
        started = self._started if self.seq >= 0 else now
        first = self._first if self._emitted else now
        return JobUsage(
            prompt=len(self.submit.prompt),
            cached=self.cached,
            completion=self._emitted,
            queued_ms=1000 * (started - self._came),
            prefill_ms=1000 * (first - started),
            decode_ms=1000 * (self._last - first) if self._emitted else 0.0,
        )


def refusal(submit: Submit, vocab: int, context: int) -> SupernetError | None:
    """Why a model with `vocab` tokens and `context` tokens a job cannot serve this, if so."""
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
    return None
