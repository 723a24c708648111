"""Stop strings, and holding back the end of a text that could still become a tag or a stop string."""

from collections.abc import Iterable


def held_from(text: str, start: int, tags: Iterable[str]) -> int:
    """Where the tail of `text` begins that may become one of `tags`, which all open with `<`; else len(text).

    At most the longest tag less one character is held, so a caller rescans a bounded tail per token.
    """
    if "<" not in text:
        return len(text)
    tags = tuple(tags)
    longest = max((len(tag) for tag in tags), default=0)
    at = text.find("<", max(start, len(text) - longest + 1))
    while at >= 0:
        tail = text[at:]
        if any(tag.startswith(tail) and tag != tail for tag in tags):
            return at
        at = text.find("<", at + 1)
    return len(text)


class Stops:
    """Cuts a streamed text at the first stop string, which is itself never given out."""

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.matched: str | None = None  # the stop string that cut the text

    def add(self, text: str) -> str:
        """Take more text; returns what may be given out now, after a match nothing.

        The match that ends first wins (of two that end together the longer), which is what a reader of single
        characters would find: the answer does not depend on how tokens cut it.
        """
        if self.matched is not None or not self._stops:
            return "" if self.matched is not None else text
        text = self._held + text
        found = [(text.find(stop) + len(stop), -len(stop)) for stop in self._stops if stop in text]
        if found:
            end, length = min(found)
            self.matched, self._held = text[end + length : end], ""
            return text[: end + length]
        cut = len(text) - self._overlap(text)
        self._held = text[cut:]
        return text[:cut]

    def flush(self) -> str:
        """What was held back, now that no stop string can grow out of it any more."""
        text, self._held = self._held, ""
        return text

    def _overlap(self, text: str) -> int:
        return max(
            (n for stop in self._stops for n in range(1, min(len(stop), len(text) + 1)) if text.endswith(stop[:n])),
            default=0,
        )
