"""Closes a thought by force when it has taken too many tokens, and keeps its tags out of the rest of the answer."""

from collections.abc import Callable
from enum import Enum, auto

from worker.engine.constraint import ReasoningLimit

_OBJECT, _NAMED = b"{", b'{"name":"'  # of an object whose name does not come first it cannot be told whom it calls


class State(Enum):
    """Where in its answer a job is."""

    BEFORE = auto()  # nothing but blanks so far: a thought may begin
    THINKING = auto()
    CALLING = auto()  # behind `call` in a thought: whether a declared tool is called is not known yet
    CLOSING = auto()  # the tokens of `close` are being forced
    BETWEEN = auto()  # behind a thought that ended with its own tag: another may begin, until text comes
    TEXT = auto()  # thoughts are over


class ReasoningBudget:
    """Follows one answer token by token, as `ReasoningLimit` describes. `piece`: the bytes of a token.

    Tell it every token with `accept`, those that another worker delivered too. `forced` is the token that must come
    next, if one must; `forbidden` are the tokens that must not be drawn.
    """

    def __init__(self, limit: ReasoningLimit, piece: Callable[[int], bytes] = lambda _: b"") -> None:
        self._limit = limit
        self._piece = piece
        self._calls = tuple(_without_blanks(call.encode()) for call in limit.calls)
        self._blanks = frozenset(limit.close) - {limit.end}
        self._spent = 0  # tokens inside thoughts
        self._call_head = b""  # while CALLING: what stands behind `call`
        self._next = 0  # while CLOSING: index into limit.close
        self.end = limit.end
        self.forbidden: tuple[int, ...] = ()
        self.state = State.TEXT if limit.budget is None else State.BEFORE
        if limit.budget is None:
            self._forbid_tags()
        if limit.opened:
            self._begin()

    @property
    def open(self) -> bool:
        """The thought is not over, so an end of turn here would leave an answer without a word."""
        return self.state in (State.THINKING, State.CALLING, State.CLOSING)

    @property
    def forced(self) -> int | None:
        return self._limit.close[self._next] if self.state is State.CLOSING else None

    def accept(self, token: int) -> None:
        """The answer goes on with this token."""
        if self.state is State.CLOSING and token != self.forced:
            self.give_way()
        if self.state is State.CALLING:
            self._read_call(token)
        match self.state:
            case State.THINKING:
                self._think(token)
            case State.CLOSING:
                self._close(token)
            case State.BEFORE | State.BETWEEN:
                self._before_text(token)

    def give_way(self) -> None:
        """Force nothing for now, because the forced token cannot stand here.

        Before `</think>` (in the middle of a character, for example) the thought goes on, and is closed behind the next
        token. Behind it the rest of `close` is left out.
        """
        if self.state is State.CLOSING:
            self.state = State.THINKING if self._limit.end in self._limit.close[self._next :] else State.TEXT

    def _begin(self) -> None:
        self.state = State.THINKING
        self._close_if_spent()

    def _think(self, token: int) -> None:
        if token == self._limit.end:
            self.state = State.BETWEEN
        elif token != self._limit.call:
            self._spent += 1
            self._close_if_spent()
        elif self._calls:
            self.state, self._call_head = State.CALLING, b""
        else:
            self.state = State.TEXT

    def _read_call(self, token: int) -> None:
        """Where no declared tool is called the thought goes on with this token, as it does for the reader of the answer
        (`chat.answer`)."""
        self._call_head = head = _without_blanks(self._call_head + self._piece(token))
        if any(head.startswith(call) for call in self._calls):
            self.state = State.TEXT
        elif any(call.startswith(head) for call in self._calls):
            self._spent += 1
        else:
            thought = head.startswith(_NAMED) or not head.startswith(_OBJECT)
            self.state = State.THINKING if thought else State.TEXT

    def _close(self, token: int) -> None:
        if token == self._limit.end:
            self._forbid_tags()
        self._next += 1
        if self._next == len(self._limit.close):
            self.state = State.TEXT

    def _before_text(self, token: int) -> None:
        if token == self._limit.open:
            self._begin()
        elif token not in self._blanks:
            if self.state is State.BETWEEN:
                self._forbid_tags()
            self.state = State.TEXT

    def _forbid_tags(self) -> None:
        self.forbidden = (self._limit.open, self._limit.end)

    def _close_if_spent(self) -> None:
        if self._limit.budget is not None and self._spent >= self._limit.budget:
            self.state, self._next = State.CLOSING, 0


def _without_blanks(text: bytes) -> bytes:
    return b"".join(text.split())
