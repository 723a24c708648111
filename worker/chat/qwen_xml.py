"""Calls of Qwen3-Coder and Qwen3.5: `<function=NAME><parameter=KEY>value</parameter></function>` in `<tool_call>`.

The values are raw text: what JSON they are is decided by the tool's schema.
"""

from typing import Literal

from worker.chat.tool_call import (
    BLANK,
    CALL_CLOSE,
    CALL_OPEN,
    FUNCTION_CLOSE,
    FUNCTION_OPEN,
    MARK,
    Sink,
    begins,
    read_close,
)
from worker.chat.tool_values import is_text, json_types, quoted, to_json
from worker.chat.xml_tags import (
    PARAMETER_CLOSE,
    PARAMETER_OPEN,
    end_of_value,
    opens_one_of,
    read_name,
    tag_between,
    without_cut_tag,
)

_MOST_BLANKS = 64  # of a value that may still become null
_NULLS = ("null", "None")
_NULLABLE_TEXT = frozenset({"string", "null"})
_CLOSING_LINE = f"\n{PARAMETER_CLOSE}\n"
_BROKEN_TAG = "a tag in it was broken"


class XmlCall:
    """Reads from behind `<tool_call>`, or from `<function=` where the model left that out.

    A value loses one newline at either end, as the template adds one. Text values stream; others wait for their end. A
    value that is not closed ends before a line that opens a declared parameter which has not been given. A value that a
    grammar holds ends at its tag on a line of its own, and nothing else in it is a tag.
    """

    def __init__(self, sink: Sink, held: bool = False) -> None:
        self.state: Literal["open", "done", "refused"] = "open"
        self._sink = sink
        self._held = held
        self._at: Literal["function", "name", "body", "stray", "key", "newline", "value", "closed"] = "function"
        self._schema: dict[str, object] = {}
        self._keys: set[str] = set()
        self._declared: dict[str, object] = {}
        self._missing: list[str] = []  # of those that are declared
        self._key_of_value = ""
        self._fresh = False  # nothing of the value has been read
        self._types: frozenset[str] = frozenset()
        self._mode: Literal["stream", "maybe_null", "collect", "drop"] = "stream"
        self._pieces: list[str] = []

    def take(self, text: str, at: int) -> int:
        """Read on, as `Call.take` promises."""
        steps = {
            "function": self._function,
            "name": self._name,
            "body": self._body,
            "stray": self._stray,
            "key": self._key,
            "newline": self._newline,
            "value": self._held_value if self._held else self._value,
            "closed": self._closed,
        }
        while self.state == "open":
            before, where = at, self._at
            at = steps[where](text, at)
            if (at == before and self._at == where) or (at > before and where == "stray"):
                break  # behind stray text too: a stop string in it ends the answer there
        return at

    def end(self, text: str, at: int, cut: bool) -> None:
        """End the call, as `Call.end` promises."""
        rest = text[at:]
        if not self._sink.named:
            self._refuse("it ended before its name")
            return
        if not cut and self._at == "key":
            rest = self._end_key(rest)
        if self._at == "value":
            self._add(without_cut_tag(rest, self._missing))
            if not cut:
                self._end_value()
        if not cut and self._at != "closed":
            self._close()

    # ---- between the values ----------------------------------------------------------------------------------------

    def _function(self, text: str, at: int) -> int:
        at = BLANK.match(text, at).end()  # type: ignore[union-attr]
        if text.startswith(FUNCTION_OPEN, at):
            self._at = "name"
            return at + len(FUNCTION_OPEN)
        if not begins(text, at, FUNCTION_OPEN):
            self._refuse("<function=NAME> is missing")
        return at

    def _name(self, text: str, at: int) -> int:
        read = read_name(text, at, self._sink.tools)
        if read is None:
            return at
        name, behind = read
        if not name:
            self._refuse("the name of the function is broken")
            return at
        if not self._sink.name(name):
            self.state = "refused"
            return at
        self._schema = dict(self._sink.tools[name].parameters)
        properties = self._schema.get("properties")
        self._declared = properties if isinstance(properties, dict) else {}
        self._missing = list(self._declared)
        self._at = "body"
        self._note_broken(text[behind - 1] != ">")
        return behind

    def _body(self, text: str, at: int) -> int:
        at = BLANK.match(text, at).end()  # type: ignore[union-attr]
        tag = tag_between(text, at)
        if at == len(text) or tag is None:
            return at
        if not tag:
            self._at = "stray"
        elif tag == PARAMETER_OPEN:
            self._at = "key"
        elif tag == CALL_CLOSE:
            self._close()
            self.state = "done"
        elif tag in (CALL_OPEN, FUNCTION_OPEN):
            self._close()
            self.state = "done"
            return at
        elif tag != PARAMETER_CLOSE:
            self._note_broken(tag != FUNCTION_CLOSE)
            self._close()
        return at + len(tag)

    def _stray(self, text: str, at: int) -> int:
        end = at
        while True:
            end = text.find("<", end)
            if end < 0:
                end = len(text)
            elif (tag := tag_between(text, end)) == "":
                end += 1
                continue
            elif tag is not None:
                self._at = "body"
            if end > at:
                self._sink.stray(text[at:end])
            return end

    def _key(self, text: str, at: int) -> int:
        read = read_name(text, at, self._declared)
        if read is None:
            return at
        name, behind = read
        if not name:
            self._at = "stray"
            return at
        self._types = json_types(self._declared.get(name), self._schema)
        self._note_broken(text[behind - 1] != ">")
        self._begin_value(name)
        return behind

    def _end_key(self, rest: str) -> str:
        """The answer ends in a tag that has no end: what of it is a value, if its name is known and one follows."""
        name, behind = read_name(rest + "\n", 0, self._declared) or ("", 0)
        if not name or not rest[behind:].strip():
            self._sink.stray(rest)
            return ""
        self._key(rest + "\n", 0)
        self._at = "value"
        return rest[behind:]

    def _closed(self, text: str, at: int) -> int:
        at, over = read_close(text, at)
        self.state = "done" if over else "open"
        return at

    def _note_broken(self, broken: bool) -> None:
        if broken:
            self._sink.untidy(_BROKEN_TAG)

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
            line_begins = edge < bracket or (self._fresh and bracket == start)
            opens = line_begins and opens_one_of(self._missing, text, bracket)
            end = end_of_value(text, bracket)
            if end is None or opens is None:
                return self._upto(text, start, edge)
            if opens or end > bracket:
                self._upto(text, start, edge)
                self._end_value()
                if opens:
                    self._sink.untidy("a parameter in it was not closed")
                if not text.startswith(PARAMETER_CLOSE[:-1], bracket):
                    return bracket
                self._note_broken(text[bracket:end] != PARAMETER_CLOSE)
                return end
            at = bracket + 1

    def _held_value(self, text: str, at: int) -> int:
        end = text.find(_CLOSING_LINE, at)
        tail = range(max(at, len(text) - len(_CLOSING_LINE)), len(text))
        edge = end if end >= 0 else next((i for i in tail if begins(text, i, _CLOSING_LINE)), len(text))
        edge = self._upto(text, at, edge - text.endswith("\r", at, edge))
        if end >= 0:
            self._end_value()
        return edge if end < 0 else end + len(_CLOSING_LINE)

    def _upto(self, text: str, start: int, end: int) -> int:
        self._add(text[start:end])
        return end

    def _begin_value(self, name: str) -> None:
        self._at, self._fresh, self._key_of_value = "newline", True, name
        self._pieces.clear()
        if name in self._keys:
            self._mode = "drop"
            self._sink.untidy(f"parameter {name[:64]!r} came twice, the first one counts")
            return
        self._sink.arguments(("{" if not self._keys else ", ") + quoted(name) + ": ")
        self._keys.add(name)
        self._missing = [other for other in self._missing if other != name]
        if is_text(self._types):
            self._mode = "stream"
            self._sink.arguments('"')
        else:
            self._mode = "maybe_null" if self._types == _NULLABLE_TEXT else "collect"

    def _add(self, text: str) -> None:
        self._fresh = self._fresh and not text
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
            written, fits = to_json("".join(self._pieces), self._types)
            self._sink.arguments(written)
            if not fits:
                self._sink.untidy(f"{self._key_of_value[:64]!r} has no value of its type")
        self._pieces.clear()
        self._at = "body"

    # ---- endings ---------------------------------------------------------------------------------------------------

    def _close(self) -> None:
        if self._at == "newline":
            self._end_value()
        self._sink.arguments("}" if self._keys else "{}")
        self._at = "closed"

    def _refuse(self, why: str) -> None:
        self._sink.refuse(why)
        self.state = "refused"


def _before_newline(text: str, start: int, end: int) -> int:
    """`end`, less one newline just before it: it belongs to the tag that may come."""
    if end > start and text[end - 1] == "\n":
        end -= 2 if text.endswith("\r\n", start, end) else 1
    return end
