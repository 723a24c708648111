"""Events on the way from an engine to its one reader."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from worker.engine.port import Event

ROOM = 1024  # events; a step is one, so this is seconds of a fast engine


class Mailbox:
    """`put` never waits, so that `send` need not; who produces much waits for `room` first, and that bounds it.

    What is put without waiting is one end for each Submit that was sent in vain: the sender bounds that.
    """

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._changed = asyncio.Event()
        self._drained = asyncio.Event()
        self._closed = asyncio.Event()

    def put(self, event: Event) -> None:
        """After `close` it is dropped: nobody will read it."""
        if not self.closed:
            self._events.append(event)
            self._changed.set()

    async def room(self) -> None:
        """Wait until the reader has caught up."""
        while len(self._events) >= ROOM and not self.closed:
            self._drained.clear()
            await self._drained.wait()

    @property
    def closed(self) -> bool:
        return self._closed.is_set()

    async def closing(self) -> None:
        await self._closed.wait()

    def close(self) -> None:
        """What has been put is still read, then the reading ends."""
        self._closed.set()
        self._changed.set()
        self._drained.set()

    async def read(self) -> AsyncIterator[Event]:
        while True:
            while self._events:
                event = self._events.popleft()
                if len(self._events) < ROOM:
                    self._drained.set()
                yield event
            if self.closed:
                return
            self._changed.clear()
            await self._changed.wait()
