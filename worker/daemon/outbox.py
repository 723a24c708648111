"""Frames that wait for the socket. Status overtakes data, so that a full line never looks like a dead worker."""

import asyncio
from collections import deque

from pydantic import BaseModel

from wire.codec import encode
from wire.messages import Capacity, Draining, Issue
from wire.scalars import size_bytes

MOST_BYTES = 4 * 1024 * 1024  # more than this unsent: the line is dead or far too slow
URGENT = (Capacity, Issue, Draining)


class Outbox:
    """Data frames keep their order, and so do the urgent ones before them. Bounded in bytes."""

    def __init__(self) -> None:
        self._urgent: deque[str] = deque()
        self._data: deque[str] = deque()
        self._bytes = 0
        self._ready = asyncio.Event()

    def put(self, message: BaseModel) -> bool:
        """Queue a frame; False when more than MOST_BYTES wait and the connection should be given up."""
        frame = encode(message)
        (self._urgent if isinstance(message, URGENT) else self._data).append(frame)
        self._bytes += size_bytes(frame)
        self._ready.set()
        return self._bytes <= MOST_BYTES

    async def get(self) -> str:
        """The next frame, encoded; waits for one."""
        while not self._urgent and not self._data:
            self._ready.clear()
            await self._ready.wait()
        frame = (self._urgent or self._data).popleft()
        self._bytes -= size_bytes(frame)
        return frame
