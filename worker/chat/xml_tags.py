"""The tags inside a call of the XML format, as models write them and as they break them.

A value may hold any of these tags, being text about calls, so a tag is told from such text by what stands around it.
Functions here return None while the text that has come does not tell yet; more of it then never changes an answer that
was given.
"""

import re
from collections.abc import Collection

from worker.chat.tool_call import BLANK, CALL_CLOSE, CALL_OPEN, FUNCTION_CLOSE, FUNCTION_OPEN, begins

PARAMETER_OPEN = "<parameter="
PARAMETER_CLOSE = "</parameter>"

_MOST_BLANKS = 64  # between two tags; more is text
_MOST_NAME = 256
_NAME = re.compile(rf"[^<>\n]{{0,{_MOST_NAME}}}")
_BROKEN = r"[\w/ ]{0,8}>?"  # how a closing tag goes on: </parameter/>, </parameters>, </parameter1>, </parameter
_FUNCTION_CLOSE = re.compile(FUNCTION_CLOSE[:-1] + _BROKEN)
# What closes a value: the tag's beginning, the tag, and one of which must follow it.
_CLOSERS = (
    (
        PARAMETER_CLOSE[:-1],
        re.compile(PARAMETER_CLOSE[:-1] + _BROKEN),
        (PARAMETER_OPEN, FUNCTION_CLOSE[:-1], CALL_CLOSE, CALL_OPEN),
    ),
    (FUNCTION_CLOSE[:-1], _FUNCTION_CLOSE, (CALL_CLOSE, CALL_OPEN)),
    (CALL_CLOSE, re.compile(CALL_CLOSE), (CALL_OPEN,)),
)
_BETWEEN = (PARAMETER_OPEN, PARAMETER_CLOSE, CALL_CLOSE, CALL_OPEN, FUNCTION_OPEN)
_CUT_TAGS = re.compile(rf"(?:\r?\n)?</[a-z_]*{_BROKEN}(?:\s*</[a-z_]*{_BROKEN})*(?:\s*<[a-z_=]*)?\s*\Z")
_LAST_LINE = re.compile(r"\r?\n(<[^\n]*)\Z")


def read_name(text: str, at: int, known: Collection[str]) -> tuple[str, int] | None:
    """The name behind `<parameter=` or `<function=`, and where to read on: as a rule behind the `>`. Without that tag's
    end a `known` name ends with its line, with the next tag, or with a colon and a blank. ("", at) if there is none."""
    written = _NAME.match(text, at).group()  # type: ignore[union-attr]
    end = at + len(written)
    whole = len(written) < _MOST_NAME
    if whole and end == len(text):
        return None
    name = _as_known(written.strip(), known)
    if whole and text[end] == ">" and name in known:
        return name, end + 1
    head = written.partition(":")[0]
    behind = written[len(head) + 1 :]
    if head.strip() in known and head != written and behind[:1] in ("", " ", "\t", "\r"):
        return head.strip(), at + len(head) + 1 + len(behind) - len(behind.lstrip(" \t"))
    if whole and text[end] == ">" and name:
        return name, end + 1
    return (name, end) if whole and name in known else ("", at)


def _as_known(written: str, known: Collection[str]) -> str:
    """A name without the quotes around it (`<parameter="path">`) or the slash behind it (`<function=edit/>`), where it
    is known so and no other way."""
    if written in known:
        return written
    name = written.removesuffix("/").rstrip()
    if len(name) > 1 and name[0] == name[-1] and name[0] in "\"'":
        name = name[1:-1].strip()
    return name if name in known else written


def end_of_value(text: str, at: int) -> int | None:
    """The value ends with the closing tag at `at`: position behind that tag; it does not: `at`."""
    for beginning, tag, followers in _CLOSERS:
        found = tag.match(text, at)
        if found is None:
            if begins(text, at, beginning):
                return None
            continue
        behind = found.end()
        following = BLANK.match(text, behind, behind + _MOST_BLANKS).end()  # type: ignore[union-attr]
        if any(text.startswith(follower, following) for follower in followers):
            return behind
        unknown = behind == len(text) or any(begins(text, following, follower) for follower in followers)
        return None if unknown else at
    return at


def opens_one_of(names: Collection[str], text: str, at: int) -> bool | None:
    """A tag at `at`, where a line begins, opens one of these parameters."""
    if not names or not text.startswith(PARAMETER_OPEN, at):
        return None if names and begins(text, at, PARAMETER_OPEN) else False
    name = read_name(text, at + len(PARAMETER_OPEN), names)
    return name and name[0] in names


def tag_between(text: str, at: int) -> str | None:
    """The tag at `at`, where no value is open; empty if none stands there."""
    if found := _FUNCTION_CLOSE.match(text, at):
        return None if found.end() == len(text) and not found.group().endswith(">") else found.group()
    tag = next((tag for tag in _BETWEEN if text.startswith(tag, at)), "")
    unknown = not tag and any(begins(text, at, known) for known in (*_BETWEEN, FUNCTION_CLOSE))
    return None if unknown else tag


def without_cut_tag(text: str, names: Collection[str]) -> str:
    """The end of a value at the end of an answer, less the tags, or the beginning of one, that the answer ends with.
    `names`: of the parameters that may be opened."""
    if found := _CUT_TAGS.search(text):
        return text[: found.start()]
    found = _LAST_LINE.search(text)
    tags = (CALL_OPEN, *(f"{PARAMETER_OPEN}{name}>" for name in names))
    cut = found is not None and (found[1] == "<" or any(tag.startswith(found[1]) for tag in tags))
    return text[: found.start()] if found is not None and cut else text
