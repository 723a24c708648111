"""What a model's own template writes in a prompt that nobody asked for, as far as its source tells. Pure.

Of a short question that is the larger part: "hello" has one token, and the longest marks of all templates have thirty.
"""

import re
from collections.abc import Container
from dataclasses import dataclass

# A whole system turn in one Jinja literal, where a line's end may be written with a backslash.
_SYSTEM = re.compile(r"<\|im_start\|>system(?:\\n|\n)([^'\"<>{}]+)<\|im_end\|>")
_THOUGHT = ("<think>", "</think>")
_BLANK = "\n\n"  # behind each mark of an empty thought


@dataclass(frozen=True)
class Marks:
    """`system`: the system message of a chat without one; None: it gets none. `thought`: the texts of an empty thought,
    `thought_tokens`: how many of its marks are tokens of their own."""

    system: str | None
    thought: tuple[str, ...]
    thought_tokens: int


# The longest of the templates known: of SmolLM2, and of a vocabulary that spells a thought's marks.
LONGEST = Marks("You are a helpful AI assistant named SmolLM, trained by Hugging Face", ("<think>\n\n</think>\n\n",), 0)


def marks(template: str | None, tokens: Container[str]) -> Marks:
    """Of a template's source, and with the tokens of its vocabulary. Without a source: the longest of those known."""
    system = LONGEST.system
    if template is not None:
        system = max(_SYSTEM.findall(template), key=len, default="") or None
    if template is not None and _THOUGHT[0] not in template:
        return Marks(system, (), 0)
    if all(mark in tokens for mark in _THOUGHT):
        return Marks(system, (_BLANK, _BLANK), len(_THOUGHT))
    return Marks(system, LONGEST.thought, 0)
