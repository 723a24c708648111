"""Commands on their way from any thread to the engine's."""

from collections.abc import Iterator
from queue import Empty, SimpleQueue

from worker.engine.port import Command


class Inbox:
    """Commands for the engine, in their order.

    `post` and `wake` may be called from any thread, all else from the engine's own.
    """

    def __init__(self) -> None:
        self._posted: SimpleQueue[Command | None] = SimpleQueue()  # None: only a reason to wake up
        self._heard: Command | None = None  # what ended `wait`

    def post(self, command: Command) -> None:
        self._posted.put(command)

    def wake(self) -> None:
        """End a `wait`."""
        self._posted.put(None)

    def take(self) -> Iterator[Command]:
        """Every command that has come, without waiting."""
        heard, self._heard = self._heard, None
        if heard:
            yield heard
        while not self._posted.empty():
            if command := self._posted.get_nowait():
                yield command

    def wait(self, most_s: float) -> None:
        """Sleep until a command comes, `wake` is called, or `most_s` seconds are over. The command stays for `take`."""
        try:
            self._heard = self._heard or self._posted.get(timeout=max(0.0, most_s))
        except Empty:
            pass
