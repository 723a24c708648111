"""The rules of one grammar while it is written: Lark text in llguidance's dialect.

https://github.com/guidance-ai/llguidance/blob/main/docs/syntax.md. A regular expression there never matches a special
token, so text cannot run over a `<tool_call>` that is one.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from wire.catalog import ChatFormat
from wire.schema_enforcement import enforced
from wire.schema_keywords import Gap
from worker.chat.prepared import Unheld

ANY_OBJECT: dict[str, Any] = {"type": "object"}
# One way to write JSON in a call: the one that Qwen's templates show. In an answer line breaks are allowed too, but
# few: white space is the one thing that a grammar lets a confused model repeat for ever.
CALL_STYLE = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": ", "lenient": True}
ANSWER_STYLE = {"whitespace_pattern": r"[ ]|\r?\n[ \t]{0,32}", "lenient": True}


@dataclass
class Rules:
    """Rules by name, and what of the schemas they do not hold: `None` stands for the answer, a name for a tool."""

    special: dict[str, int]
    format: ChatFormat
    _names: dict[str, str] = field(default_factory=dict)  # body of a rule -> its name
    _gaps: dict[str | None, dict[Gap, None]] = field(default_factory=dict)

    def rule(self, name: str, body: str, lazy: bool = False) -> str:
        """The name of a rule with this body: an earlier one if there is one, as many parameters are alike."""
        return self._names.setdefault(body, f"{name}[lazy]" if lazy else name).removesuffix("[lazy]")

    @property
    def rules(self) -> list[str]:
        return [f"{name}: {body}" for body, name in self._names.items()]

    def tag(self, tag: str) -> str:
        """A tag as its token if the vocabulary has one, else as text."""
        return f"<[{self.special[tag]}]>" if tag in self.special else text(tag)

    def value(
        self,
        schema: dict[str, Any],
        style: dict[str, Any],
        of: str | None,
        within: dict[str, Any] | None = None,
        place: str = "#",
    ) -> str:
        """JSON by a schema, or by the part of one at `place`. What it does not hold is kept as `of`'s."""
        parts = enforced(schema, within, place)
        self.leave(of, parts.gaps)
        return "%json " + json.dumps({**parts.schema, "x-guidance": style})

    def leave(self, of: str | None, gaps: Iterable[Gap]) -> None:
        """Keep what is not held."""
        self._gaps.setdefault(of, {}).update(dict.fromkeys(gaps))

    @property
    def unheld(self) -> tuple[Unheld, ...]:
        return tuple(Unheld(of, tuple(gaps)) for of, gaps in self._gaps.items() if gaps)


def text(literal: str) -> str:
    """A text as it stands."""
    return json.dumps(literal, ensure_ascii=False)
