"""Text that UTF-8 can hold. JSON's escapes can write half a character; so can a model, and a client."""

import re

_HALVES = re.compile("[\ud800-\udfff]")


def plain(text: str) -> str:
    """The text with the mark of replacement for each lone surrogate."""
    return _HALVES.sub("\ufffd", text)
