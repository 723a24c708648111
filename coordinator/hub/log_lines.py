"""The operator's log of what dispatch notes, a line each."""

import logging

from coordinator.dispatch.effects import Noted
from program.printable import printable

log = logging.getLogger("supernet.hub")

MOST_CHARS = 300  # of a detail


def note(noted: Noted) -> None:
    ids = {"event": noted.event, "worker": noted.worker, "job": noted.job}
    text = "%s worker=%s job=%s %s"
    log.info(text, noted.event, noted.worker or "-", noted.job or "-", _in_one_line(noted.detail), extra=ids)


def _in_one_line(text: str) -> str:
    """A worker's words may be in it: no line of the log, and no command to a terminal, is to be forged with them."""
    return printable(text[:MOST_CHARS], "?")
