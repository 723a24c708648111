"""What a template refuses although it could go on, as agents send it: what is written in place of the refusal.

Qwen3.5's template refuses a system message that is not the first one, and a conversation without a message of the user,
which is what an agent is left with once it has put its history into a summary. It does so by calling
`raise_exception` where the turn would stand, and what that call returns is written there:

- For a system message its turn, as the templates of Qwen2.5, Qwen3 and Qwen3-Coder write it themselves. In a turn of
  the user anybody could forge it, and Qwen3.5's template leaves out all thoughts before a turn of the user. At the
  front it would change the prompt from its first token on, and all of it would be read again.
- For the missing message of a user nothing, as the other templates do: no words are made up.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from wire.errors import SupernetError
from worker.chat.template import Template, refuse

_SYSTEM = {"role": "system", "content": "xsystemx"}
_LATE = [
    _SYSTEM,
    {"role": "user", "content": "xquestionx"},
    {"role": "assistant", "content": "xanswerx"},
    {"role": "system", "content": "xlatex"},
    {"role": "user", "content": "xnextx"},
]
_IN_PLACE = ("xsystemx", "xquestionx", "xanswerx", "xlatex", "xnextx")
_UNASKED = [_SYSTEM, {"role": "assistant", "content": "xanswerx"}, {"role": "tool", "content": "xresultx"}]


@dataclass(frozen=True)
class Refusals:
    """The sentences with which a template refuses a late system message in its place, and a conversation without a
    message of the user; None: it does not, or not so that it could go on."""

    late_system: str | None
    no_question: str | None

    def instead(self, turns: Iterator[str]) -> Callable[[str], str]:
        """What to give to `Template.render` as `refused`. `turns`: of the late system messages, in their order."""

        def refused(sentence: str) -> str:
            if sentence == self.late_system:
                return next(turns, "")
            return "" if sentence == self.no_question else refuse(sentence)

        return refused


def writes_late_systems(template: Template) -> bool:
    """The template writes a system message where it stands in the conversation."""
    return _in_order(_IN_PLACE, _told(template, _LATE, refuse))


def refusals_of(template: Template, start: str | None, end: str | None) -> Refusals:
    """`start` and `end`: the special tokens around a turn."""
    late = _sentence(template, _LATE, "xlatex", _IN_PLACE)
    if [(True, start), (False, "system\nxsystemx"), (True, end)] != _told(template, _LATE[:2], refuse)[:3]:
        late = None  # its turns are of another kind, which are not known here
    return Refusals(late, _sentence(template, _UNASKED, "", ("xsystemx", "xanswerx", "xresultx")))


def _sentence(template: Template, messages: list[dict[str, str]], instead: str, order: Iterable[str]) -> str | None:
    """What the template says when it refuses these messages, if it says it once, and with `instead` in place of the
    refusal writes all of them in this order."""
    said: list[str] = []

    def refused(sentence: str) -> str:
        said.append(sentence)
        return instead

    pieces = _told(template, messages, refused)
    return said[0] if len(said) == 1 and _in_order(order, pieces) else None


def _told(template: Template, messages: list[dict[str, str]], refused: Callable[[str], str]) -> list[tuple[bool, str]]:
    variables: dict[str, Any] = {"messages": messages, "add_generation_prompt": False, "tools": None}
    try:
        return template.render(variables, refused=refused)
    except SupernetError:
        return []


def _in_order(words: Iterable[str], pieces: list[tuple[bool, str]]) -> bool:
    """Each word is there once, and they follow each other."""
    text = "".join(piece for _, piece in pieces)
    places = [text.find(word) for word in words if text.count(word) == 1]
    return len(places) == len(list(words)) and places == sorted(places)
