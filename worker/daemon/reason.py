"""Why the coordinator cannot be reached, as it is told to the owner. Types only."""

from dataclasses import dataclass

MOST_SAID = 300  # characters of a stranger's words in a line of the log


@dataclass(frozen=True)
class Reason:
    """Why it failed and what to do.

    `text` and `remedy` are our own words, because the coordinator gets them too, in an Issue: whatever answered may not
    have been the coordinator. `said`: the words of what answered, for the owner alone. `remedy` is empty where no
    better one is known than that of the problem's row. `final`: another try is of no use.
    """

    text: str
    remedy: str = ""
    final: bool = False
    said: str = ""

    @property
    def in_full(self) -> str:
        """The reason for the owner's own log and terminal, with what was said, quoted, escaped and cut."""
        return f"{self.text}; the answer says {self.said[:MOST_SAID]!r}" if self.said else self.text
