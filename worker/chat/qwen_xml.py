"""Calls of Qwen3-Coder and Qwen3.5: `<function=NAME><parameter=KEY>value</parameter></function>` in `<tool_call>`.

The values are raw text: what JSON they are is decided by the tool's schema.
"""

import re
from typing import Literal

from worker.chat.tool_call import CALL_CLOSE, CALL_OPEN, FUNCTION_CLOSE, FUNCTION_OPEN, MARK, Sink, begins
from worker.chat.tool_values import is_text, json_types, quoted, to_json

PARAMETER_OPEN = "<parameter="
PARAMETER_CLOSE = "</parameter>"

_BLANK = re.compile(r"\s*")
_MOST_NAME = 256
_MOST_BLANKS = 64  # between two tags; more is text
_BODY_TAGS = (PARAMETER_OPEN, PARAMETER_CLOSE, FUNCTION_CLOSE, CALL_CLOSE, CALL_OPEN, FUNCTION_OPEN)
# A value may hold any of these tags, being text about calls: one ends the value only if what must follow it follows.
_ENDS = (
    (PARAMETER_CLOSE, (PARAMETER_OPEN, FUNCTION_CLOSE, CALL_CLOSE, CALL_OPEN)),
    (FUNCTION_CLOSE, (CALL_CLOSE, CALL_OPEN)),
    (CALL_CLOSE, (CALL_OPEN,)),
)
_CUT_TAGS = re.compile(r"(?:\r?\n)?</[a-z_]*>?(?:\s*</[a-z_]*>?)*(?:\s*<[a-z_=]*)?\s*\Z")
_NULLS = ("null", "None")
_NULLABLE_TEXT = frozenset({"string", "null"})


class XmlCall:
    """Reads from behind `<tool_call>`, or from `<function=` where the model left that out.

    A value loses one newline at either end, as the template adds one. Text values stream; others wait for their end.
    """

    def __init__(self, sink: Sink) -> None:
        self.state: Literal["open", "done", "refused"] = "open"
        self._sink = sink
        self._at: Literal["function", "name", "body", "stray", "key", "newline", "value", "closed"] = "function"
        self._schema: dict[str, object] = {}
        self._keys: set[str] = set()
        self._types: frozenset[str] = frozenset()
        self._mode: Literal["stream", "maybe_null", "collect", "drop"] = "stream"
        self._pieces: list[str] = []

    def take(self, text: str, at: int) -> int:
        """See `Call.take`."""
        steps = {
            "function": self._function,
            "name": self._name,
            "body": self._body,
            "stray": self._stray,
            "key": self._key,
            "newline": self._newline,
            "value": self._value,
            "closed": self._closed,
        }
        while self.state == "open":
            before, where = at, self._at
            at = steps[where](text, at)
            if (at == before and self._at == where) or (at > before and where == "stray"):
                break  # behind stray text too: a stop string in it ends the answer there
        return at

    def end(self, text: str, at: int, cut: bool) -> None:
        """See `Call.end`."""
        rest = text[at:]
        if not self._sink.named:
            self._refuse("it ended before its name")
            return
        if self._at == "value":
            tag = _CUT_TAGS.search(rest)
            self._add(rest[: tag.start()] if tag else rest)
            if not cut:
                self._end_value()
        elif not cut and self._at == "key":
            self._sink.stray(rest)
        if not cut and self._at != "closed":
            self._close()

    # ---- between the values ----------------------------------------------------------------------------------------

    def _function(self, text: str, at: int) -> int:
        at = _BLANK.match(text, at).end()  # type: ignore[union-attr]
        if text.startswith(FUNCTION_OPEN, at):
            self._at = "name"
            return at + len(FUNCTION_OPEN)
        if not begins(text, at, FUNCTION_OPEN):
            self._refuse("<function=NAME> is missing")
        return at

    def _name(self, text: str, at: int) -> int:
        name = self._until_bracket(text, at)
        if name is None:
            return at
        if not name:
            self._refuse("the name of the function is broken")
            return at
        if not self._sink.name(name.strip()):
            self.state = "refused"
            return at
        self._schema = dict(self._sink.tools[name.strip()].parameters)
        self._at = "body"
        return at + len(name) + 1

    def _body(self, text: str, at: int) -> int:
        at = _BLANK.match(text, at).end()  # type: ignore[union-attr]
        if at == len(text):
            return at
        tag = next((tag for tag in _BODY_TAGS if text.startswith(tag, at)), None)
        if tag == PARAMETER_OPEN:
            self._at = "key"
        elif tag == FUNCTION_CLOSE:
            self._close()
        elif tag == CALL_CLOSE:
            self._close()
            self.state = "done"
        elif tag in (CALL_OPEN, FUNCTION_OPEN):
            self._close()
            self.state = "done"
            return at
        elif tag is None:
            if not any(begins(text, at, tag) for tag in _BODY_TAGS):
                self._at = "stray"
            return at
        return at + len(tag)

    def _stray(self, text: str, at: int) -> int:
        end = at
        while True:
            end = text.find("<", end)
            if end < 0:
                end = len(text)
            elif any(text.startswith(tag, end) for tag in _BODY_TAGS):
                self._at = "body"
            elif not any(begins(text, end, tag) for tag in _BODY_TAGS):
                end += 1
                continue
            if end > at:
                self._sink.stray(text[at:end])
            return end

    def _key(self, text: str, at: int) -> int:
        key = self._until_bracket(text, at)
        if key is None:
            return at
        if not key:
            self._at = "stray"
            return at
        name = key.strip()
        properties = self._schema.get("properties")
        schema = properties.get(name) if isinstance(properties, dict) else None
        self._types = json_types(schema, self._schema)
        self._begin_value(name)
        return at + len(key) + 1

    def _closed(self, text: str, at: int) -> int:
        at = _BLANK.match(text, at).end()  # type: ignore[union-attr]
        if text.startswith(CALL_CLOSE, at):
            self.state = "done"
            return at + len(CALL_CLOSE)
        if not begins(text, at, CALL_CLOSE):
            self.state = "done"
        return at

    def _until_bracket(self, text: str, at: int) -> str | None:
        """The name from `at` to `>`; None: not all of it is here yet; empty: there is none."""
        end = text.find(">", at, at + _MOST_NAME)
        name = text[at:end] if end >= 0 else text[at : at + _MOST_NAME]
        if "\n" in name or "<" in name or (end < 0 and len(name) == _MOST_NAME):
            return ""
        return name if end >= 0 else None

    # ---- values ----------------------------------------------------------------------------------------------------

    def _newline(self, text: str, at: int) -> int:
        for newline in ("\n", "\r\n"):
            if text.startswith(newline, at):
                self._at = "value"
                return at + len(newline)
        if text[at:] not in ("", "\r"):
            self._at = "value"
        return at

    def _value(self, text: str, at: int) -> int:
        start = at
        while True:
            bracket = text.find("<", at)
            if bracket < 0:
                edge = len(text) - (text.endswith("\r") and len(text) > start)
                return self._upto(text, start, _before_newline(text, start, edge))
            edge = _before_newline(text, start, bracket)
            end = _end_of_value(text, bracket)
            if end is None:
                return self._upto(text, start, edge)
            if end > bracket:
                self._upto(text, start, edge)
                self._end_value()
                return end if text.startswith(PARAMETER_CLOSE, bracket) else bracket
            at = bracket + 1

    def _upto(self, text: str, start: int, end: int) -> int:
        self._add(text[start:end])
        return end

    def _begin_value(self, name: str) -> None:
        self._at = "newline"
        self._pieces.clear()
        if name in self._keys:
            self._mode = "drop"
            self._sink.untidy(f"parameter {name[:64]!r} came twice, the first one counts")
            return
        self._sink.arguments(("{" if not self._keys else ", ") + quoted(name) + ": ")
        self._keys.add(name)
        if is_text(self._types):
            self._mode = "stream"
            self._sink.arguments('"')
        else:
            self._mode = "maybe_null" if self._types == _NULLABLE_TEXT else "collect"

    def _add(self, text: str) -> None:
        text = text.replace(MARK, "")
        if not text or self._mode == "drop":
            return
        if self._mode == "stream":
            self._sink.arguments(quoted(text)[1:-1])
            return
        self._pieces.append(text)
        if self._mode == "maybe_null":
            seen = "".join(self._pieces)
            if not any(null.startswith(seen.strip()) for null in _NULLS) or len(seen) > _MOST_BLANKS:
                self._mode = "stream"
                self._sink.arguments('"' + quoted(seen)[1:-1])

    def _end_value(self) -> None:
        if self._mode == "stream":
            self._sink.arguments('"')
        elif self._mode != "drop":
            self._sink.arguments(to_json("".join(self._pieces), self._types))
        self._pieces.clear()
        self._at = "body"

    # ---- endings ---------------------------------------------------------------------------------------------------

    def _close(self) -> None:
        if self._at == "newline":
            self._end_value()
        self._sink.arguments("}" if self._keys else "{}")
        self._at = "closed"

    def _refuse(self, why: str) -> None:
        self._sink.refusal = f"a tool call could not be read: {why}"
        self.state = "refused"


def _before_newline(text: str, start: int, end: int) -> int:
    """`end`, less one newline just before it: it belongs to the tag that may come."""
    if end > start and text[end - 1] == "\n":
        end -= 2 if text.endswith("\r\n", start, end) else 1
    return end


def _end_of_value(text: str, at: int) -> int | None:
    """The value ends with the tag at `at`: position behind that tag; it does not: `at`; not to be told yet: None."""
    for tag, followers in _ENDS:
        if not text.startswith(tag, at):
            if begins(text, at, tag):
                return None
            continue
        behind = at + len(tag)
        following = _BLANK.match(text, behind, behind + _MOST_BLANKS).end()  # type: ignore[union-attr]
        if any(text.startswith(follower, following) for follower in followers):
            return behind
        return None if any(begins(text, following, follower) for follower in followers) else at
    return at
