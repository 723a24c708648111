"""The model's own Jinja chat template, rendered in a sandbox: the only file that knows jinja2.

The sandbox bounds range() and forbids attributes that lead out of it; the text is bounded here. Time is not: a
template from a stranger's file must be rendered where a wall-clock limit holds.
"""

import json
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NoReturn

import jinja2
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from wire.errors import ErrorCode, SupernetError

MOST_CHARACTERS = 8 * 1024 * 1024
_FIRST_MARK = 0xD800
_MOST_MARKS = 0x800
_MARKS = re.compile("([\ud800-\udfff])")
_BROKEN = (
    *(jinja2.TemplateError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError),
    MemoryError,
)


def refuse(sentence: str) -> NoReturn:
    """What `raise_exception` does in a template: the conversation is not rendered."""
    raise jinja2.TemplateError(sentence)


class Template:
    """A compiled template that tells the special tokens it writes from the same text in a request.

    Where one of `literals` stands in the template's own source, a lone surrogate is compiled in instead. Text that a
    request brought cannot hold one (`plain` sees to that), so whatever it spells, alone or together with text of the
    template beside it, it never becomes special. Raises ValueError if the source is no Jinja template.
    """

    def __init__(self, source: str, literals: tuple[str, ...]) -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.filters["tojson"] = _to_json
        self._literals: dict[str, str] = {}  # mark -> literal
        try:
            tree = environment.parse(source)
            self._mark(tree, literals)
            code = environment.compile(tree)
        except jinja2.TemplateError as error:
            raise ValueError(f"the model's chat template cannot be read: {error}") from error
        self._template = jinja2.Template.from_code(environment, code, environment.make_globals(None))
        self.writes = frozenset(self._literals.values())

    def render(
        self, variables: dict[str, Any], now: datetime | None = None, refused: Callable[[str], str] = refuse
    ) -> list[tuple[bool, str]]:
        """The text as (special, text) pieces: the literals of special tokens, and what stands between them.

        `now` is what `strftime_now` formats; without it the template does not find that function. `refused` is called
        with the sentence when the template refuses the conversation; what it returns is written there. Raises
        SupernetError(INVALID_REQUEST) with the template's own sentence if it refuses the conversation or breaks.
        """
        variables = {**variables, "raise_exception": refused}
        if now is not None:
            variables["strftime_now"] = now.strftime
        pieces: list[str] = []
        length = 0
        try:
            for piece in self._template.generate(**variables):
                pieces.append(piece)
                length += len(piece)
                if length > MOST_CHARACTERS:
                    raise jinja2.TemplateError(f"the prompt grew over {MOST_CHARACTERS} characters")
        except _BROKEN as error:
            raise SupernetError(
                ErrorCode.INVALID_REQUEST,
                f"The model's chat template refuses this conversation: {self._spelled(str(error))}",
                param="messages",
            ) from error
        parts = _MARKS.split("".join(pieces))
        return [(bool(i % 2), self._literals.get(part, part)) for i, part in enumerate(parts) if part]

    def special(self, literal: str) -> str:
        """The special token as `refused` may return it. It must be one that the template itself writes."""
        return next(mark for mark, marked in self._literals.items() if marked == literal)

    def _mark(self, tree: nodes.Template, literals: Iterable[str]) -> None:
        pattern = re.compile(
            "|".join(re.escape(literal) for literal in sorted(literals, key=len, reverse=True)) or "$^"
        )
        marks: dict[str, str] = {}

        def mark(match: re.Match[str]) -> str:
            if len(marks) == _MOST_MARKS:
                raise ValueError(f"the chat template writes more than {_MOST_MARKS} different special tokens")
            return marks.setdefault(match.group(), chr(_FIRST_MARK + len(marks)))

        for constant in tree.find_all(nodes.Const):
            if isinstance(constant.value, str):
                constant.value = pattern.sub(mark, constant.value)
        for data in tree.find_all(nodes.TemplateData):
            data.data = pattern.sub(mark, data.data)
        self._literals = {mark: literal for literal, mark in marks.items()}

    def _spelled(self, text: str) -> str:
        return _MARKS.sub(lambda match: self._literals.get(match.group(), "\ufffd"), text)


def _to_json(value: Any, ensure_ascii: bool = False, indent: int | None = None, **rest: Any) -> str:
    """As the Hub's renderer writes JSON, not as jinja2 does for HTML."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, **rest)
