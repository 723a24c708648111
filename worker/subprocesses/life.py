"""One life of a child that speaks line by line: listened to, watched for silence, and ended."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from worker.subprocesses.codec import Garbled
from worker.subprocesses.parent import ChildProcess, LineTooLong


class Life:
    """What a supervisor does while a child lives.

    `take`: a line of the child's; it may raise Garbled, and the child is killed. `room`: waits until there is room for
    what was taken. `overdue`: why the child has to be killed now, if so, and else how many seconds from now it may have
    to be; asked at least every `look_s`. `heard`: the clock when the child last spoke; None: we are behind in reading.
    """

    def __init__(
        self,
        child: ChildProcess,
        take: Callable[[bytes], None],
        room: Callable[[], Awaitable[None]],
        overdue: Callable[["Life"], str | float],
        look_s: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.child = child
        self.heard: float | None = clock()
        self.fault = ""  # why we ended it
        self._take, self._room, self._overdue, self._look_s = take, room, overdue, look_s
        self._clock, self._sleep = clock, sleep

    async def run(self, close_s: float) -> str:
        """Live until the child ends or is killed; returns how it ended, in words. Raises Unkillable."""
        listening = asyncio.create_task(self._listen(), name=f"listen to {self.child.pid}")
        watch = asyncio.create_task(self._watch(), name=f"watch {self.child.pid}")
        try:
            await asyncio.wait({listening, watch}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            watch.cancel()
            listening.cancel()  # a killed child that waits in the kernel never closes its end of the pipe
            try:
                await asyncio.wait({listening, watch})
            finally:  # also when a cancellation comes right then
                end = await self.child.end(close_s)
        for task in (listening, watch):
            if not task.cancelled():
                task.result()
        return end

    def silent_for(self, limit_s: float) -> float:
        """Seconds that are left of a limit of silence; 0 or less: it has been silent for longer."""
        return limit_s if self.heard is None else self.heard + limit_s - self._clock()

    async def _listen(self) -> None:
        try:
            while (line := await self.child.read()) is not None:
                self._take(line)
                self.heard = None
                await self._room()
                self.heard = self._clock()
        except (Garbled, LineTooLong) as error:
            self.fault = f"it wrote what is no event: {error}"
            self.child.kill()

    async def _watch(self) -> None:
        while True:
            found = self._overdue(self)
            if isinstance(found, str):
                self.fault = found
                self.child.kill()
                return
            await self._sleep(min(found, self._look_s))
