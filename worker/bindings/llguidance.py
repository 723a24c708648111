"""Answers that must match a grammar: llguidance says which tokens may come next.

The only importer of llguidance. The tokenizer that it needs and every grammar are built in a thread of their own, where
llguidance lets go of the GIL: a large grammar takes up to a second, and no stream may wait for another job's grammar.
"""

import re
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np
from llguidance import LLMatcher, LLParserLimits, LLTokenizer, TokenizerWrapper
from numpy.typing import NDArray

from wire.errors import ErrorCode, SupernetError
from worker.engine.constraint import Constraint

MAX_GRAMMAR_BYTES = 256 * 1024
KEPT_GRAMMARS = 32  # requests of one application repeat their tools and schemas
# A grammar comes from a request: a tenth to a half of llguidance's defaults, so that a mask stays within milliseconds.
_LIMITS = LLParserLimits(
    initial_lexer_fuel=500_000,
    step_lexer_fuel=100_000,
    step_max_items=20_000,
    max_lexer_states=50_000,
    max_grammar_size=100_000,
    verbose_errors=False,
)


class Pieces(Protocol):
    """The vocabulary of a model, as far as a grammar needs it."""

    size: int
    special: dict[str, int]
    eog: frozenset[int]

    def piece(self, token: int) -> bytes: ...

    def tokenize(self, text: str) -> list[int]: ...


class _Tokenizer:
    """A vocabulary in the shape that llguidance's TokenizerWrapper asks for."""

    bos_token_id = None

    def __init__(self, vocab: Pieces) -> None:
        self.tokens = [vocab.piece(token) for token in range(vocab.size)]
        self.special_token_ids = sorted(vocab.special.values())
        self.eos_token_id = min(vocab.eog)
        self._vocab = vocab

    def __call__(self, text: str | bytes) -> list[int]:
        return self._vocab.tokenize(text if isinstance(text, str) else text.decode("utf-8", "replace"))


_MOST_SAID = 4  # warnings of the library about one grammar
_MOST_CHARS = 200  # of one of them
_EXCERPT = re.compile(r"^ *\d+ \| ", re.MULTILINE)  # where llguidance begins to quote the whole grammar


def _refuse(message: str) -> SupernetError:
    words = _EXCERPT.split(message, maxsplit=1)[0].strip()[:500]
    return SupernetError(ErrorCode.INVALID_REQUEST, f"the answer's grammar cannot be used: {words}")


def examine(grammar: str) -> list[str]:
    """Return what llguidance says of a grammar that can be used, as far as that can be told without a vocabulary.

    Raises SupernetError(INVALID_REQUEST) for one that cannot.

    To be called first, in a process whose time and memory are bounded: llguidance looks without any limit of its own
    for a text that all patterns of an `allOf` match. Measured with patterns of a few characters: 16 take a second, 20
    take 27 s and 2.4 GB, and with 24 it aborts its process for want of memory.
    """
    _check_size(grammar)
    wrong, said = LLMatcher.validate_grammar_with_warnings(grammar, limits=_LIMITS)
    if wrong:
        raise _refuse(said[0])
    return [line[:_MOST_CHARS] for line in said[:_MOST_SAID]]


def _check_size(grammar: str) -> None:
    if len(grammar) > MAX_GRAMMAR_BYTES:
        raise _refuse(f"it has {len(grammar)} characters, and {MAX_GRAMMAR_BYTES} are allowed")


class Matcher:
    """Follows one answer. Tokens before the grammar begins are free; a grammar that is complete has `stopped`."""

    def __init__(self, matcher: LLMatcher, constraint: Constraint, size: int) -> None:
        self._matcher = matcher
        self.begins_after = constraint.after  # the token behind which the grammar begins; None: it has begun
        self._call = constraint.call
        self._size = size

    @property
    def stopped(self) -> bool:
        return self.begins_after is None and bool(self._matcher.is_stopped())

    def allowed(self) -> NDArray[np.bool_] | None:
        """Which tokens may come next, of the whole vocabulary; None: all. End-of-turn tokens only where it may end.

        Raises SupernetError(INVALID_REQUEST) if the grammar grew past its limits.
        """
        if self.begins_after is not None:
            return None
        bits = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        if self._matcher.is_error():
            raise _refuse(self._matcher.get_error())
        return np.unpackbits(bits, count=self._size, bitorder="little").view(np.bool_)

    def forced(self) -> int | None:
        """The next token where the text can go on in one way only; None: there is a choice, or the turn may end.

        Of the tokens that spell what is forced it is the first one that the tokenizer would write, asked anew for each:
        so it depends on the tokens before it alone, wherever an answer was cut and is continued.
        """
        if self.begins_after is not None:
            return None
        tokens = self._matcher.compute_ff_tokens()
        return tokens[0] if tokens else None

    def allows(self, token: int) -> bool:
        """Whether this token may come next."""
        return self.begins_after is not None or self._matcher.validate_tokens([token]) == 1

    def accept(self, token: int) -> None:
        """The answer goes on with this token. Raises SupernetError(INVALID_REQUEST) if it is not allowed."""
        if self.begins_after is not None and token != self._call:
            self.begins_after = None if token == self.begins_after else self.begins_after
            return
        self.begins_after = None
        if not self._matcher.consume_token(token):
            raise _refuse(self._matcher.get_error() or f"token {token} does not belong there")


class Grammars:
    """Compiles constraints for one vocabulary, one at a time, in the background."""

    def __init__(self, vocab: Pieces) -> None:
        self._vocab = vocab
        self._thread = ThreadPoolExecutor(1, "grammars")
        # At once, not with the first grammar: 0.6 s for 152k tokens, half of it Python that streams would feel.
        self._tokenizer = self._thread.submit(self._tokenize)
        self._ready: OrderedDict[str, LLMatcher] = OrderedDict()

    def compile(self, constraint: Constraint, delivered: Sequence[int]) -> Future[Matcher]:
        """A matcher that has seen the delivered tokens. The future raises SupernetError(INVALID_REQUEST)."""
        return self._thread.submit(self._compile, constraint, delivered)

    def _tokenize(self) -> LLTokenizer:
        return LLTokenizer(TokenizerWrapper(_Tokenizer(self._vocab)), eos_token=sorted(self._vocab.eog))

    def _compile(self, constraint: Constraint, delivered: Sequence[int]) -> Matcher:
        matcher = Matcher(self._fresh(constraint.grammar), constraint, self._vocab.size)
        for token in delivered:
            matcher.accept(token)
        return matcher

    def _fresh(self, grammar: str) -> LLMatcher:
        _check_size(grammar)
        if grammar not in self._ready:
            matcher = LLMatcher(self._tokenizer.result(), grammar, log_level=0, limits=_LIMITS)
            if matcher.is_error():
                raise _refuse(matcher.get_error())
            self._ready[grammar] = matcher
            if len(self._ready) > KEPT_GRAMMARS:
                self._ready.popitem(last=False)
        self._ready.move_to_end(grammar)
        return self._ready[grammar].deep_copy()

    def close(self) -> None:
        """Wait for the grammar in hand, which reads the vocabulary: that must not be freed before."""
        self._thread.shutdown(wait=True, cancel_futures=True)
