"""The media of one attempt: what is to be made, how far it is, and what came of it.

All that an attempt knows of the kind of its request is here, as chat_task.py has it for chats.
"""

from base64 import b64encode
from dataclasses import dataclass

from wire import media
from wire.chat import Usage
from wire.errors import ErrorCode
from wire.media import MAX_PREVIEW_CHARS, Making, Stage, Upload
from worker.engine.port import JobUsage
from worker.media_engine import port

TOLD_MOST_S = 0.5  # between two Progress frames, at least
TOLD_LEAST_S = 8.0  # and at most: a coordinator expects one every 10 s


@dataclass
class MediaTask:
    """One thing to be made, with its files from `fetching` on until its own file is with the coordinator."""

    make: Making
    seed: int
    upload: Upload
    begun: bool = False  # its files are here: the engine has it, or has had it
    made: port.Made | None = None  # the engine is done with it, or about to be
    uploading: bool = False
    stop: str | None = None  # no kind but chat has any
    stage: Stage = "loading"
    step: int = 0
    steps: int = 0
    preview: str = ""  # that was not told yet
    _news: bool = True
    _told_at: float = float("-inf")

    @property
    def files(self) -> tuple[str, ...]:
        """SHA-256 of those that it needs."""
        return media.files(self.make)

    def progressed(self, stage: Stage, step: int = 0, steps: int = 0, preview: bytes = b"") -> None:
        """Take how far it is: the newest counts, but a preview is kept until it was told."""
        self.stage, self.step, self.steps, self._news = stage, step, steps, True
        encoded = b64encode(preview).decode() if preview else ""
        self.preview = encoded if 0 < len(encoded) <= MAX_PREVIEW_CHARS else self.preview

    def due(self, now: float) -> bool:
        """Return whether its Progress is to be told now, and count it as told."""
        since = now - self._told_at
        if since < (TOLD_MOST_S if self._news else TOLD_LEAST_S):
            return False
        self._news, self._told_at = False, now
        return True

    def tell_again(self) -> None:
        """Whoever was told has forgotten it: a line was lost."""
        self._news = True

    def usage(self, spent: JobUsage) -> Usage:
        """Return nothing: what is made is paid by the piece, whoever computed how long."""
        return Usage(prompt=0, completion=0)

    def param_at_fault(self, code: ErrorCode) -> str | None:
        """Return None: which of its fields an engine's error is about is not known."""
        return None
