"""Thoughts of a model: trimming one that streams, and taking one out of an earlier answer's text."""

OPEN = "<think>"
CLOSE = "</think>"
_MOST_BLANKS = 256  # white space held back at the end of a thought: a model may run on blanks for ever


class Thought:
    """Streams the text of a thought without the white space around it, as the templates write it back."""

    def __init__(self) -> None:
        self._blanks = ""
        self.empty = True

    def add(self, text: str) -> str:
        """Take more of the thought; returns the text that may be given out now."""
        if self.empty:
            text = text.lstrip()
            if not text:
                return ""
            self.empty = False
        text = self._blanks + text
        body = text.rstrip()
        cut = max(len(body), len(text) - _MOST_BLANKS)
        self._blanks = text[cut:]
        return text[:cut]


def split_thought(content: str) -> tuple[str | None, str]:
    """An assistant's text as (thought, answer); the thought is None if the text does not open with one.

    Clients send back what they were shown, and some showed `<think>...</think>` in the content. A thought that never
    ended (the answer was cut) is all thought.
    """
    text = content.lstrip()
    if not text.startswith(OPEN):
        return None, content
    thought, _, answer = text[len(OPEN) :].partition(CLOSE)
    return thought.strip(), answer.lstrip("\r\n")


def is_closed_thought(content: str) -> bool:
    """An assistant's text is a thought that has ended, with nothing behind it."""
    thought, close, answer = content.lstrip().partition(CLOSE)
    return thought.startswith(OPEN) and bool(close) and not answer.strip()
