"""What the two call formats share: where parts of a call go, and how far a call has come."""

import re
from dataclasses import dataclass, field
from typing import Literal, Protocol

from wire.chat import MAX_CALLS, CallDelta, Content, Notice, Part, Tool

CALL_OPEN = "<tool_call>"
CALL_CLOSE = "</tool_call>"
FUNCTION_OPEN = "<function="
FUNCTION_CLOSE = "</function>"
BLANK = re.compile(r"\s*")
MOST_NOTICES = 8  # of one call
MARK = "\ud800"  # stands behind a tag that came as one token while the answer is read: no UTF-8 text can hold it


def begins(text: str, at: int, tag: str) -> bool:
    """The text ends in the middle of `tag`: whether the tag is there cannot be told yet."""
    rest = text[at : at + len(tag)]
    return len(rest) < len(tag) and tag.startswith(rest)


def read_close(text: str, at: int) -> tuple[int, bool]:
    """Behind the body of a call: where to read on, and whether the call is over, because `</tool_call>` was read or
    something else stands there."""
    at = BLANK.match(text, at).end()  # type: ignore[union-attr]
    if text.startswith(CALL_CLOSE, at):
        return at + len(CALL_CLOSE), True
    return at, not begins(text, at, CALL_CLOSE)


@dataclass
class Sink:
    """Where a call puts its parts. Until it is `named` nothing has been given out, and it can still be taken as text;
    `refusal` says why it must be.

    `tools`: the declared ones by name. `index`: of the call in its answer.
    """

    tools: dict[str, Tool]
    index: int
    parts: list[Part] = field(default_factory=list)
    named: bool = False
    refusal: str = ""
    notices: list[str] = field(default_factory=list)

    def name(self, name: str) -> bool:
        """The call's name is known; False if it must not be made: no such tool was declared, or an answer has no room
        for one more call."""
        if name not in self.tools:
            self.refusal = f"the model called {name[:64]!r}, which is not a declared tool"
            return False
        if self.index >= MAX_CALLS:
            self.refusal = f"the model called more than {MAX_CALLS} times: the rest is text"
            return False
        self.named = True
        self.parts.append(CallDelta(index=self.index, name=name))
        return True

    def refuse(self, why: str) -> None:
        self.refusal = f"a tool call could not be read: {why}"

    def arguments(self, text: str) -> None:
        if text:
            self.parts.append(CallDelta(index=self.index, arguments=text))

    def stray(self, text: str) -> None:
        """Text where none belongs: it is content."""
        self.parts.append(Content(text=text))
        self.untidy("text between the parameters was moved into the content")

    def untidy(self, what: str) -> None:
        """Say what was malformed, each thing once."""
        if what not in self.notices and len(self.notices) < MOST_NOTICES:
            self.notices.append(what)
            self.parts.append(Notice(text=f"tool call {self.index} was malformed: {what}"))


class Call(Protocol):
    """A call being read."""

    state: Literal["open", "done", "refused"]

    def take(self, text: str, at: int) -> int:
        """Read from `at`; return where reading stopped. What is left is bounded, and is handed in again with more."""
        ...

    def end(self, text: str, at: int, cut: bool) -> None:
        """The answer ends with text[at:] unread. `cut`: by a token limit, so that arguments stay as cut as they are;
        otherwise they are completed to valid JSON."""
        ...
