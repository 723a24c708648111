"""Calls of Qwen2.5 and Qwen3: `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`, read as they stream."""

import json
from typing import Literal

from worker.chat.json_stream import JsonStream
from worker.chat.surrogates import plain
from worker.chat.tool_call import BLANK, MARK, Sink, read_close
from worker.chat.tool_values import escaped

_ARGUMENTS = ("arguments", "parameters")


class JsonCall:
    """Reads from behind `<tool_call>`. Keys in any order; arguments may come before the name (they wait for it), be
    called `parameters`, or be JSON inside a string. What is not JSON is repaired as `JsonStream` does. An object under
    a key that means nothing is taken for the arguments where there are no others: small models misspell the key."""

    def __init__(self, sink: Sink) -> None:
        self.state: Literal["open", "done", "refused"] = "open"
        self._sink = sink
        self._at: Literal["begin", "key", "colon", "value", "comma", "closed"] = "begin"
        self._role: Literal["name", "arguments", "other"] = "other"  # of the value being read
        self._value = JsonStream()
        self._pieces: list[str] = []  # of the value or key, not given out yet
        self._arguments: str | None = None  # complete, but waiting for the name
        self._argued = False  # some of the arguments were given out
        self._spare = ""  # the first object under a key that means nothing
        self._guessed = False

    def take(self, text: str, at: int) -> int:
        """Read on, as `Call.take` promises."""
        while self.state == "open":
            before, where = at, self._at
            at = self._json(text, at) if where in ("key", "value") else self._punctuation(text, at)
            if at == before and self._at == where:
                break
        return at

    def end(self, text: str, at: int, cut: bool) -> None:
        """End the call, as `Call.end` promises."""
        if not self._sink.named:
            self._refuse("it ended before its name")
        elif not cut and self._at != "closed":
            self._complete("it ended in the middle")

    # ---- envelope --------------------------------------------------------------------------------------------------

    def _punctuation(self, text: str, at: int) -> int:
        at = BLANK.match(text, at).end()  # type: ignore[union-attr]
        if at == len(text):
            return at
        char = text[at]
        match self._at, char:
            case ("begin", "{") | ("comma", ","):
                self._begin("key")
            case "colon", ":":
                self._begin("value")
            case "comma", "}":
                self._close()
            case "closed", "}":
                self._sink.untidy("a bracket too many")
            case "closed", _:
                at, over = read_close(text, at)
                self.state = "done" if over else "open"
                return at
            case _:
                self._stop(f"{char!r} stands where it cannot")
                return at
        return at + 1

    def _begin(self, where: Literal["key", "value"]) -> None:
        self._at = where
        self._value = JsonStream()
        self._pieces.clear()

    def _close(self) -> None:
        if not self._sink.named:
            self._refuse("it has no name")
            return
        self._argue_at_last()
        self._note_guesses()
        self._at = "closed"

    # ---- keys and values -------------------------------------------------------------------------------------------

    def _json(self, text: str, at: int) -> int:
        if self._at == "key" and not self._value.opened:
            at = BLANK.match(text, at).end()  # type: ignore[union-attr]
            if text.startswith("}", at):
                self._close()
                return at + 1
        at = self._value.take(text, at)
        self._pieces.append(self._value.drain())
        if self._at == "value" and self._role == "arguments" and self._sink.named and self._value.opened == "{":
            self._argued = True
            self._sink.arguments("".join(self._pieces))
            self._pieces.clear()
        if self._value.junk:
            self._stop("it is not JSON")
        elif self._value.done:
            self._ended()
        return at

    def _ended(self) -> None:
        written = "".join(self._pieces)
        self._guessed |= self._value.guessed
        if self._at == "key":
            self._at = "colon"
            self._role = self._role_of(_string(written))
            return
        self._at = "comma"
        if self._role == "name":
            if not self._sink.name(_string(written)):
                self.state = "refused"
            elif self._arguments is not None:
                self._argue(self._arguments)
        elif self._role == "arguments" and not self._argued:
            self._arguments = _unwrapped(written)
            if self._sink.named:
                self._argue(self._arguments)
        elif self._role == "other":
            self._other(written)

    def _role_of(self, key: str) -> Literal["name", "arguments", "other"]:
        """The first name and the first arguments count: what was given out cannot be taken back."""
        if key == "name" and not self._sink.named:
            return "name"
        return "arguments" if key in _ARGUMENTS and not self._argued and self._arguments is None else "other"

    def _argue(self, arguments: str) -> None:
        self._argued = True
        self._sink.arguments(arguments)
        if not arguments.startswith("{"):
            self._sink.untidy("its arguments are not an object")

    def _argue_at_last(self) -> None:
        """The call is over and has no arguments yet."""
        if not self._argued:
            self._argue(self._spare or "{}")
            if self._spare:
                self._sink.untidy("its arguments stood under another key")

    def _other(self, written: str) -> None:
        if written.startswith("{") and written != "{}":
            self._spare = self._spare or written

    # ---- endings ---------------------------------------------------------------------------------------------------

    def _stop(self, why: str) -> None:
        if self._sink.named:
            self._complete(why)
        else:
            self._refuse(why)

    def _complete(self, why: str) -> None:
        """Close the arguments as far as they came."""
        if self._value.opened and self._at in ("key", "value"):
            self._break_off("".join(self._pieces) + self._value.close())
        self._argue_at_last()
        self._note_guesses()
        self._sink.untidy(why)
        self._at = "closed"

    def _break_off(self, rest: str) -> None:
        """The end came inside a key or a value, of which `rest` has not been given out."""
        if self._at == "value" and self._role == "arguments":
            if self._argued:
                self._sink.arguments(rest)
            else:
                self._argue(_unwrapped(rest))
        elif self._at == "value" and rest.startswith("{"):
            self._other(rest)
        elif text := _string(rest):
            self._sink.stray(plain(text))

    def _note_guesses(self) -> None:
        if self._guessed:
            self._sink.untidy("a value in it was missing, or was no JSON")

    def _refuse(self, why: str) -> None:
        self._sink.refuse(why)
        self.state = "refused"


def _string(written: str) -> str:
    """The text of a JSON string; another value as it was written."""
    written = written.replace(MARK, "")
    return str(json.loads(written)) if written.startswith('"') else written


def _unwrapped(written: str) -> str:
    """Arguments that are an object inside a string, or null, as the object they mean."""
    if written.startswith('"'):
        inner = _string(written).strip() or "{}"
        stream = JsonStream()
        stream.take(inner, 0)
        if inner.startswith("{") and stream.done:
            return escaped(stream.drain())
    return "{}" if written == "null" else written
