"""Copies one JSON value out of a stream, repairing it: what was given out is always the beginning of valid JSON."""

import json
import re
from typing import Literal

Expect = Literal["value", "first_value", "key", "first_key", "colon", "comma", "done"]

_BLANK = re.compile(r"[ \t\r\n]*")
_PLAIN = re.compile(r"[^\"'\\\x00-\x1f]+")
_ESCAPE = re.compile(r"\\(?:[\"\\/bfnrt]|u[0-9a-fA-F]{4})")
_ESCAPE_BEGUN = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_WORD = re.compile(r"[-+.\w]+")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?\Z", re.ASCII)
_WORDS = {
    **{word: word for word in ("true", "false", "null")},
    **{"True": "true", "False": "false", "None": "null"},  # Python's
    **{"TRUE": "true", "FALSE": "false", "NULL": "null"},
}


class JsonStream:
    """One value, as a push-down automaton. White space between tokens becomes that of `json.dumps`.

    Repaired: True, TRUE, None, NULL and the like, single quotes, raw control characters and wrong escapes in strings,
    missing and trailing commas, missing values, words without quotes. `repaired` tells, and `guessed` of a value that
    may have been meant as another: null where one is missing, text where a word or `007` stands. Anything else ends
    the value: `junk`.
    """

    def __init__(self) -> None:
        self._stack: list[str] = []
        self._expect: Expect = "value"
        self._quote = ""  # the quote that ends the string we are in
        self._is_key = False
        self._word: list[str] = []  # of a number or name that may still grow
        self._comma = False  # a comma was read, and is given out once something follows it
        self._out: list[str] = []
        self.opened = ""  # first character of the value
        self.repaired = False
        self.guessed = False
        self.junk = False

    @property
    def done(self) -> bool:
        return self._expect == "done"

    def drain(self) -> str:
        """JSON text made since the last call."""
        text = "".join(self._out)
        self._out.clear()
        return text

    def take(self, text: str, at: int) -> int:
        """Read from `at` and return where reading stopped: at the end of the value, at junk, or at the end of the text
        (less an escape that is not complete)."""
        while at < len(text) and not self.done and not self.junk:
            if self._quote:
                moved = self._string(text, at)
                if moved == at:
                    break
                at = moved
            elif match := _WORD.match(text, at):
                if not self._word and not self._begin():
                    break
                self.opened = self.opened or text[at]
                self._word.append(match.group())
                at = match.end()
            elif self._word:
                self._end_word()
            elif text[at] in " \t\r\n":
                at = _BLANK.match(text, at).end()  # type: ignore[union-attr]
            else:
                at = self._token(text, at)
        return at

    def close(self) -> str:
        """What makes valid JSON of all that was given out; the value is done."""
        if self._quote:
            self._end_string()
        if self._word:
            self._end_word()
        if self._expect == "colon":
            self._out.append(": null")
        elif self._expect == "value" and not self._comma:
            self._out.append("null")
        self._out += ["}" if opened == "{" else "]" for opened in reversed(self._stack)]
        self._stack.clear()
        self._expect = "done"
        return self.drain()

    # ---- strings ---------------------------------------------------------------------------------------------------

    def _string(self, text: str, at: int) -> int:
        if match := _PLAIN.match(text, at):
            self._out.append(match.group())
            return match.end()
        char = text[at]
        if char == self._quote:
            self._end_string()
            return at + 1
        if char == "\\":
            return self._escape(text, at)
        if char != "'":
            self.repaired = True  # a raw control character, or a double quote inside single ones
        self._out.append(json.dumps(char)[1:-1])
        return at + 1

    def _escape(self, text: str, at: int) -> int:
        if match := _ESCAPE.match(text, at):
            self._out.append(match.group())
            return match.end()
        if _ESCAPE_BEGUN.match(text, at):
            return at
        self.repaired = True
        if text[at + 1] == "'":
            self._out.append("'")
            return at + 2
        self._out.append("\\\\")
        return at + 1

    def _end_string(self) -> None:
        self._quote = ""
        self._out.append('"')
        if self._is_key:
            self._expect = "colon"
        else:
            self._end_value()

    # ---- everything else -------------------------------------------------------------------------------------------

    def _token(self, text: str, at: int) -> int:
        char = text[at]
        if char in "\"'" and self._begin():
            self.opened = self.opened or char
            self._quote = char
            self._is_key = self._expect in ("key", "first_key")
            self.repaired |= char == "'"
            self._out.append('"')
        elif char in "{[" and not self._wants_key() and self._begin():
            self.opened = self.opened or char
            self._stack.append(char)
            self._out.append(char)
            self._expect = "first_key" if char == "{" else "first_value"
        elif char == ":" and self._expect == "colon":
            self._out.append(": ")
            self._expect = "value"
        elif char == "," and self._expect == "comma":
            self._comma = True
            self._expect = "key" if self._stack[-1] == "{" else "value"
        elif char in "}]" and self._stack and (self._stack[-1] == "{") == (char == "}"):
            self._end_container(char)
        else:
            self.junk = True
            return at
        return at + 1

    def _begin(self) -> bool:
        """A value or a key begins here: give out the comma before it, put in one that is missing."""
        if self._expect == "comma":
            self.repaired = self._comma = True
            self._expect = "key" if self._stack[-1] == "{" else "value"
        if self._expect in ("colon", "done"):
            self.junk = True
            return False
        if self._comma:
            self._out.append(", ")
            self._comma = False
        return True

    def _wants_key(self) -> bool:
        missing_comma = self._expect == "comma" and self._stack[-1] == "{"
        return missing_comma or self._expect in ("key", "first_key")

    def _end_container(self, char: str) -> None:
        if self._expect == "colon" or (self._expect == "value" and not self._comma):
            self._out.append(": null" if self._expect == "colon" else "null")
            self.repaired = self.guessed = True
        self.repaired |= self._comma
        self._comma = False
        self._stack.pop()
        self._out.append(char)
        self._end_value()

    def _end_word(self) -> None:
        word = "".join(self._word)
        self._word.clear()
        key = self._expect in ("key", "first_key")
        known = "" if key else _WORDS.get(word, word if _NUMBER.match(word) else "")
        self.repaired |= known != word
        self.guessed |= not key and not known
        self._out.append(known or json.dumps(word, ensure_ascii=False))
        if key:
            self._expect = "colon"
        else:
            self._end_value()

    def _end_value(self) -> None:
        self._expect = "comma" if self._stack else "done"
