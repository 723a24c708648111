"""A worker's words on their way to a client: our words stand first, and the worker's are marked, short and few.

A worker is a stranger's. What it says in its own words (an error's message, a warning about an answer) is no part of
the answer, and a client may take it for the network's.
"""

from coordinator.scheduler.state import Job
from program.printable import printable
from wire.chat import Notice, Part
from wire.messages import Delta

QUOTED_CHARS = 300  # of a worker's words
MOST_NOTICES = 16  # of one answer


def quoted(ours: str, words: str) -> str:
    """Two sentences on one line. `words`: the worker's."""
    return f"{ours}. In the worker's words: {printable(words[:QUOTED_CHARS])!r}"


def with_marked_notices(job: Job, delta: Delta) -> Delta:
    """The delta as the client may have it: its warnings marked, and those beyond the bound left out."""
    if not any(isinstance(part, Notice) for part in delta.parts):
        return delta
    parts: list[Part] = []
    for part in delta.parts:
        if not isinstance(part, Notice):
            parts.append(part)
        elif job.notices < MOST_NOTICES:
            job.notices += 1
            parts.append(Notice(text=quoted("The worker left something out, or found it malformed", part.text)))
    return delta.model_copy(update={"parts": tuple(parts)})
