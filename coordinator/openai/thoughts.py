"""The thought of an earlier answer, sent back in the words of whichever server gave it.

`reasoning_content` is ours, `reasoning` vLLM's and OpenRouter's, `reasoning_text` Copilot's. OpenRouter adds
`reasoning_details` and litellm `thinking_blocks`, the same again with seals for the server that made it. A thought that
is sealed whole cannot be read, and is left out: the turn stands without it, as it does after most clients anyway.
"""

from typing import Any

from coordinator.openai.fields import Fields

PARTS = ("thinking", "reasoning", "redacted_thinking")  # types of parts of the content that hold a thought
KEYS = ("thinking", "text", "reasoning", "summary")  # where such a part, or an entry of a list of them, has its text
DEPTH = 4  # Mistral's parts hold parts


def read(fields: Fields) -> str | None:
    """The thought of an assistant's message; None where there is none that can be read. Raises SupernetError.

    Of two that differ the first counts: one server's copies do not always agree to the last blank.
    """
    return first(fields, "reasoning_content", "reasoning", "reasoning_text", "reasoning_details", "thinking_blocks")


def first(fields: Fields, *names: str) -> str | None:
    """Take all of these fields; the text of the first that has some."""
    texts = [_text(fields, name) for name in names]
    return next(filter(None, texts), None)


def _text(fields: Fields, name: str) -> str:
    value = fields.take(name)
    if value is not None and not isinstance(value, str | list):
        raise fields.wrong_type(name, "a string or an array of parts", value)
    return _joined(value, DEPTH)


def _joined(value: Any, depth: int) -> str:
    """The text in a part, or in a list of parts; empty for a seal."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and depth:
        return "".join(_joined(item, depth - 1) for item in value)
    if isinstance(value, dict) and depth:
        return next(filter(None, (_joined(value.get(key), depth - 1) for key in KEYS)), "")
    return ""
