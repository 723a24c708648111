"""SIGTERM as Ctrl-C: whatever ends in order after the one does after the other."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def terminated_is_interrupted() -> Iterator[None]:
    """While the block runs in the main thread, SIGTERM does what SIGINT would at that moment: asyncio cancels its main
    task, elsewhere KeyboardInterrupt is raised, also where SIGINT is ignored, as in a shell's background."""
    before = signal.signal(signal.SIGTERM, _terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminated(_: int, frame: FrameType | None) -> None:
    interrupted = signal.getsignal(signal.SIGINT)
    if not callable(interrupted):
        raise KeyboardInterrupt
    interrupted(signal.SIGINT, frame)
