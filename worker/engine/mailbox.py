"""Events on the way from an engine to its one reader."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

Event = TypeVar("Event")
ROOM = 1024  # events; a step is one, so this is seconds of a fast engine


class Mailbox(Generic[Event]):
    """An engine's events for their one reader, in order.

    `put` never waits, because `Engine.send` must not. Whatever produces many events waits for `room` before each, which
    bounds the mailbox; without waiting come only the ends of Submits that were sent in vain.
    """

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._changed = asyncio.Event()
        self._drained = asyncio.Event()
        self._closed = asyncio.Event()

    def put(self, event: Event) -> None:
        """Add an event; after `close` it is dropped, as it would not be read."""
        if not self.closed:
            self._events.append(event)
            self._changed.set()

    async def room(self) -> None:
        """Wait until fewer than ROOM events are unread, or the mailbox is closed."""
        while len(self._events) >= ROOM and not self.closed:
            self._drained.clear()
            await self._drained.wait()

    @property
    def closed(self) -> bool:
        return self._closed.is_set()

    async def closing(self) -> None:
        """Wait for `close`."""
        await self._closed.wait()

    def close(self) -> None:
        """End the reading once all that was put has been read."""
        self._closed.set()
        self._changed.set()
        self._drained.set()

    async def read(self) -> AsyncIterator[Event]:
        """The events in their order, until `close`. For one reader."""
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
