"""SIGTERM as Ctrl-C: whatever ends in order after the one does after the other."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def terminated_is_interrupted() -> Iterator[None]:
    """While the block runs in the main thread, SIGTERM does what SIGINT would at that moment: asyncio cancels its main
    task, elsewhere KeyboardInterrupt is raised, also where SIGINT is ignored, as in a shell's background. In another
    thread, where nobody can be interrupted, nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
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
